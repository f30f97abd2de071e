metadata description = 'Everything that Entrada needs on Azure, in a resource group of its own. docs/deploy.md goes through it.'

targetScope = 'subscription'

// Where

@minLength(1)
@maxLength(64)
@description('Name of the environment: part of the resource group\'s name and, hashed, of every other.')
param environmentName string

@description('Azure region; it must offer Flex Consumption.')
@metadata({ azd: { type: 'location' } })
param location string

// Who

@description('Object id of who deploys this, as a parameter so that azd, which leaves alone what has not changed, does not pass over another person. Empty: whoever asks.')
param deployerObjectId string = ''

@description('What deploys this: a person or a service principal.')
param deployerPrincipalType 'ServicePrincipal' | 'User' = 'User'

@description('App roles that the deployer gets; without any, the first list of tools would be empty. Empty without the right to assign roles.')
param assignDeployerRoles ('MCPServer.Admin' | 'Task.All' | 'Task.Delete' | 'Task.Read' | 'Task.Write')[] = [
  'Task.All'
  'MCPServer.Admin'
]

@description('Client id of an application that somebody else registered, by entra.bicep or by hand. Empty: it is registered here.')
param entraClientId string = ''

@description('Whose people may come in: `home`, a list of tenant ids, `organizations`, or `common` (personal accounts too).')
param tenants string = 'home'

// Addresses

@description('Host name of a domain of your own, such as `entrada.contoso.com`. Empty: the name that Azure gives.')
param customDomain string = ''

@description('Addresses of front ends that sign people in through /auth/login, exact.')
param redirectUris string[] = []

@description('Origins of front ends that call from a browser.')
param corsOrigins string[] = []

// Agents

@description('Endpoint of the Foundry project whose agents people may talk to. Empty: no chat.')
param foundryEndpoint string = ''

@description('Subscription of Foundry.')
param foundrySubscriptionId string = subscription().subscriptionId

@description('Resource group of Foundry, on which the role to call agents is assigned. Empty: somebody else assigns it.')
param foundryResourceGroup string = ''

@description('Object id of the Entra group that may call agents. Empty: the deployer alone.')
param foundryUsersGroupId string = ''

@description('Whether the site may list the agents there, for the names, descriptions and states of those in agents.json. It takes a role of its own, which Owner and User Access Administrator may define.')
param foundryListsAgents bool = true

// Behaviour: what is left empty keeps the default that docs/settings.md names.

@description('File in the package that names the agents, such as `agents.json`.')
param agentsFile string = ''

@description('File in the package that says which role sees what, such as `policy.json`.')
param policyFile string = ''

@description('What gets into the log, such as `warn,entrada=debug`.')
param logFilter string = ''

@description('The figure that all limits on callers follow from, or `off`.')
param requestsPerMinute string = ''

@description('For how many days the audit log is kept.')
param auditDays string = ''

@description('The part of traces that is sent to Application Insights, from 0 to 1.')
param traceRatio string = ''

// Size

@description('Memory of an instance in MB.')
param instanceMemory 512 | 2048 | 4096 = 2048

@description('How many instances there may be.')
@minValue(40)
@maxValue(1000)
param maximumInstances int = 100

@description('How many requests an instance takes at once before another one starts. The platform\'s own figure, 16 for 2,048 MB, is meant for short work: 1,000 open streams would be 63 instances.')
@minValue(1)
@maxValue(1000)
param requestsPerInstance int = 250

@description('How many instances wait for HTTP requests, started and paid for. None: the first request after a quiet time waits some seconds.')
@minValue(0)
@maxValue(1000)
param alwaysReadyInstances int = 0

@description('How many copies of the state there are, and where.')
param storageRedundancy 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_GZRS' = 'Standard_LRS'

// Protection

@description('Whether nobody can purge a deleted vault before its retention ends. It cannot be turned off again.')
param purgeProtection bool = false

@description('Whether storage and vault are reached over private endpoints alone.')
param privateNetworking bool = false

@description('Other settings of Entrada, by name, as docs/settings.md describes them.')
param additionalSettings { *: string } = {}

@description('What tells the names of this environment from those of others.')
var token = uniqueString(subscription().id, environmentName, location)

@description('Tags of every resource; azd finds its environment by them.')
var tags = { 'azd-env-name': environmentName }

@description('Name of the site.')
var siteName = 'func-entrada-${token}'

@description('Name of the storage account.')
var storageAccountName = 'stentrada${token}'

@description('Name of the Key Vault.')
var vaultName = 'kv-${token}'

@description('The host name that Azure gives the site, known before there is one: settings and redirect URIs need it.')
var azureHostName = '${siteName}.azurewebsites.net'

@description('The public base URL.')
var baseUrl = 'https://${empty(customDomain) ? azureHostName : customDomain}'

@description('Object id of who deploys this.')
var deployerId = empty(deployerObjectId) ? deployer().objectId : deployerObjectId

@description('Whether the application is registered here.')
var registersApplication = empty(entraClientId)

@description('The application\'s client id.')
var clientId = entra.?outputs.clientId ?? entraClientId

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: {
    name: 'id-entrada-${token}'
    location: location
    tags: tags
  }
}

module entra 'entra.bicep' = if (registersApplication) {
  scope: group
  params: {
    uniqueName: 'entrada-${token}'
    displayName: 'Entrada (${environmentName})'
    tenants: tenants
    hostNames: empty(customDomain) ? [azureHostName] : [azureHostName, customDomain]
    identityPrincipalId: identity.outputs.principalId
    callsFoundry: !empty(foundryEndpoint)
    assignDeployerRoles: assignDeployerRoles
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: 'log-${token}'
    componentName: 'appi-${token}'
    location: location
    tags: tags
    identityPrincipalId: identity.outputs.principalId
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: storageAccountName
    location: location
    tags: tags
    identityPrincipalId: identity.outputs.principalId
    redundancy: storageRedundancy
    isPrivate: privateNetworking
  }
}

module vault 'modules/vault.bicep' = {
  scope: group
  params: {
    name: vaultName
    location: location
    tags: tags
    identityPrincipalId: identity.outputs.principalId
    deployerObjectId: deployerId
    deployerPrincipalType: deployerPrincipalType
    purgeProtection: purgeProtection
    isPrivate: privateNetworking
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  scope: group
  params: {
    name: 'vnet-${token}'
    location: location
    tags: tags
    storageAccountName: storageAccountName
    vaultName: vaultName
  }
  dependsOn: [storage, vault]
}

// Azure looks at the scope before the condition, and refuses a group without a
// name: where nobody names Foundry's, the group of this environment stands in.
module foundryAccess 'modules/foundry-access.bicep' = if (!empty(foundryEndpoint) && !empty(foundryResourceGroup)) {
  scope: resourceGroup(
    empty(foundryResourceGroup) ? subscription().subscriptionId : foundrySubscriptionId,
    empty(foundryResourceGroup) ? group.name : foundryResourceGroup
  )
  params: {
    principalId: empty(foundryUsersGroupId) ? deployerId : foundryUsersGroupId
    principalType: empty(foundryUsersGroupId) ? deployerPrincipalType : 'Group'
    // Known at run time alone, so that what-if cannot look through it; beside the
    // resources of Microsoft Graph there is no what-if anyway.
    #disable-next-line what-if-short-circuiting
    identityPrincipalId: foundryListsAgents ? identity.outputs.principalId : ''
  }
}

// Taking the outputs of storage, vault and monitoring, it is deployed after
// them with their role assignments: a host that cannot read its storage at its
// first start ends the deployment.
module site 'modules/site.bicep' = {
  scope: group
  params: {
    name: siteName
    planName: 'plan-${token}'
    location: location
    tags: tags
    identity: {
      id: identity.outputs.id
      clientId: identity.outputs.clientId
    }
    storage: {
      blobServiceUri: storage.outputs.blobServiceUri
      queueServiceUri: storage.outputs.queueServiceUri
      tableServiceUri: storage.outputs.tableServiceUri
      deploymentContainerUri: storage.outputs.deploymentContainerUri
    }
    scale: {
      instanceMemory: instanceMemory
      maximumInstances: maximumInstances
      requestsPerInstance: requestsPerInstance
      alwaysReadyInstances: alwaysReadyInstances
    }
    telemetryConnectionString: monitoring.outputs.connectionString
    subnetId: network.?outputs.siteSubnetId ?? ''
    entradaSettings: {
      ENTRADA_TENANT_ID: tenant().tenantId
      ENTRADA_CLIENT_ID: clientId
      ENTRADA_IDENTITY_CLIENT_ID: identity.outputs.clientId
      ENTRADA_KEY_VAULT_URL: vault.outputs.url
      ENTRADA_BASE_URL: baseUrl
      ENTRADA_TENANTS: tenants
      ENTRADA_REDIRECT_URIS: join(redirectUris, ' ')
      ENTRADA_CORS_ORIGINS: join(corsOrigins, ' ')
      ENTRADA_FOUNDRY_ENDPOINT: foundryEndpoint
      ENTRADA_AGENTS: agentsFile
      ENTRADA_POLICY: policyFile
      ENTRADA_LOG: logFilter
      ENTRADA_REQUESTS_PER_MINUTE: requestsPerMinute
      ENTRADA_AUDIT_DAYS: auditDays
      ENTRADA_TRACE_RATIO: traceRatio
    }
    additionalSettings: additionalSettings
  }
}

@description('The resource group.')
output AZURE_RESOURCE_GROUP string = group.name

@description('The public base URL.')
output ENTRADA_BASE_URL string = baseUrl

@description('What people paste into an MCP client.')
output ENTRADA_MCP_URL string = '${baseUrl}/mcp'

@description('The door for agent platforms that bring an Entra token of their own.')
output ENTRADA_MCP_WEBHOOK_URL string = '${baseUrl}/runtime/webhooks/mcp'

@description('The application\'s client id.')
output ENTRADA_CLIENT_ID string = clientId

@description('The host name that Azure gave the site: what a CNAME record of a domain of your own points to.')
output ENTRADA_AZURE_HOST_NAME string = azureHostName

@description('Object id of the managed identity, which an application registered elsewhere has to trust.')
output ENTRADA_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('The vault that `entrada keys init` makes the key ring in.')
output ENTRADA_KEY_VAULT_URL string = vault.outputs.url

@description('Whether the vault is reached from inside the virtual network alone.')
output ENTRADA_KEY_VAULT_IS_PRIVATE bool = privateNetworking
