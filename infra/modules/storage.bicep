metadata description = 'The storage account: Entrada keeps its state in tables, the Functions host its leases and keys in blobs and queues, and deployments lie in a container. No account key opens it.'

@description('Name of the storage account: 3 to 24 lower-case letters and digits.')
param name string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags { *: string }

@description('Object id of the managed identity that the site runs as.')
param identityPrincipalId string

@description('How many copies there are, and where: one data centre, three zones, or both with another region.')
param redundancy 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_GZRS'

@description('Whether only private endpoints reach the account.')
param isPrivate bool

@description('The container that deployments are uploaded to and started from.')
var deploymentContainer = 'deployments'

@description('The tables of Entrada. It would make them itself; made here, a first start has nothing to wait for.')
var tableNames = [
  'entradaalerts'
  'entradaaudit'
  'entradachat'
  'entradaclients'
  'entradadownstream'
  'entradaflows'
  'entradagrants'
  'entradalimits'
  'entradaprofiles'
  'entradarecords'
  'entradarevocations'
  'entradaupkeep'
]

@description('Built-in roles that the identity has on the account: the Functions host needs all three, Entrada the last.')
var identityRoles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: redundancy
  }
  properties: {
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource deployments 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: blobs
  name: deploymentContainer
  properties: {
    publicAccess: 'None'
  }
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' = [
  for tableName in tableNames: {
    parent: tableService
    name: tableName
  }
]

resource identityUsesStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(identityRoles): {
    name: guid(account.id, 'identity', role.value)
    scope: account
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
      principalId: identityPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

@description('Address of the blob service.')
output blobServiceUri string = account.properties.primaryEndpoints.blob

@description('Address of the queue service.')
output queueServiceUri string = account.properties.primaryEndpoints.queue

@description('Address of the table service.')
output tableServiceUri string = account.properties.primaryEndpoints.table

@description('Address of the container that deployments are uploaded to.')
output deploymentContainerUri string = '${account.properties.primaryEndpoints.blob}${deployments.name}'
