metadata description = 'The function app: a Flex Consumption plan, the site with the custom handler, and its settings.'

@description('Name of the site; its host name begins with it.')
param name string

@description('Name of the plan.')
param planName string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags { *: string }

@description('The managed identity that the site runs as.')
param identity siteIdentity

@description('Where the site finds its storage.')
param storage siteStorage

@description('Size and number of instances.')
param scale siteScale

@description('Where telemetry is sent.')
param telemetryConnectionString string

@description('Resource id of the subnet that the site joins; empty without private networking.')
param subnetId string

@description('The settings of Entrada, by name. An empty value means that the setting is left to its default.')
param entradaSettings { *: string }

@description('Settings beyond those that the templates know, by name. They cannot replace any of the others.')
param additionalSettings { *: string }

@description('The managed identity that the site runs as.')
type siteIdentity = {
  @description('Resource id.')
  id: string

  @description('Client id.')
  clientId: string
}

@description('Where the site finds its storage.')
type siteStorage = {
  @description('Address of the blob service.')
  blobServiceUri: string

  @description('Address of the queue service.')
  queueServiceUri: string

  @description('Address of the table service.')
  tableServiceUri: string

  @description('Address of the container that deployments are uploaded to.')
  deploymentContainerUri: string
}

@description('Size and number of instances.')
type siteScale = {
  @description('Memory of an instance in MB.')
  instanceMemory: 512 | 2048 | 4096

  @description('How many instances there may be.')
  maximumInstances: int

  @description('How many requests an instance takes at once before another one starts. A stream of events counts as one for as long as it is open.')
  requestsPerInstance: int

  @description('How many instances wait, started and paid for, for HTTP requests.')
  alwaysReadyInstances: int
}

@description('What the Functions host needs: its storage and its telemetry, both as the managed identity. The runtime is no setting: Flex Consumption takes it from the site and refuses the setting.')
var hostSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.clientId
  AzureWebJobsStorage__blobServiceUri: storage.blobServiceUri
  AzureWebJobsStorage__queueServiceUri: storage.queueServiceUri
  AzureWebJobsStorage__tableServiceUri: storage.tableServiceUri
  APPLICATIONINSIGHTS_CONNECTION_STRING: telemetryConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.clientId};Authorization=AAD'
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  // azd finds the site to deploy to by this tag.
  tags: union(tags, { 'azd-service-name': 'entrada' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: storage.deploymentContainerUri
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: {
        // Azure accepts any version without a word, and the site then never starts.
        name: 'custom'
        version: '1.0'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: scale.instanceMemory
        maximumInstanceCount: scale.maximumInstances
        alwaysReady: scale.alwaysReadyInstances == 0
          ? []
          : [{ name: 'http', instanceCount: scale.alwaysReadyInstances }]
        triggers: {
          http: {
            perInstanceConcurrency: scale.requestsPerInstance
          }
        }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: site
  name: 'appsettings'
  properties: union(
    additionalSettings,
    toObject(filter(items(entradaSettings), setting => !empty(setting.value)), setting => setting.key, setting => setting.value),
    hostSettings
  )
}

resource noFtpPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noDeploymentPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'scm'
  properties: {
    allow: false
  }
}
