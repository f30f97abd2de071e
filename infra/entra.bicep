metadata description = 'The application in Microsoft Entra ID, its roles, and the trust in the managed identity. main.bicep deploys it; an administrator can deploy it alone, in any resource group, since it makes nothing there.'

extension microsoftGraphV1

@description('Name that the directory knows the application by, for ever. The ids of scope and roles are derived from it, so that a repeated deployment changes nothing.')
param uniqueName string

@description('Name that people see when they sign in.')
param displayName string = 'Entrada'

@description('Whose people may come in: `home`, a list of tenant ids, `organizations`, or `common` (personal accounts too). The same value as the setting ENTRADA_TENANTS.')
param tenants string = 'home'

@description('Host names at which Entrada answers, for the redirect URIs. Empty for an application that is registered before its site exists.')
param hostNames string[] = []

@description('Object id of the managed identity that signs in as the application. Needed as soon as there is a host name.')
param identityPrincipalId string = ''

@description('Client ids that get a token for a person without asking for consent. By default Visual Studio Code.')
param preAuthorizedClientIds string[] = ['aebc6443-996d-45c2-90f0-388ff96faa56']

@description('Whether Entrada calls agents of Foundry as the signed-in person.')
param callsFoundry bool = false

@description('App roles that whoever deploys this gets, so that somebody sees tools. Empty without the right to assign roles.')
param assignDeployerRoles ('MCPServer.Admin' | 'Task.All' | 'Task.Delete' | 'Task.Read' | 'Task.Write')[] = [
  'Task.All'
  'MCPServer.Admin'
]

@description('Object ids of those who may change the application later.')
param ownerIds string[] = [deployer().objectId]

@description('The tenant that all personal Microsoft accounts belong to.')
var personalAccounts = '9188040d-6c67-4c5b-b112-36a304b66dad'

@description('Which accounts Entra lets sign in, before Entrada checks their tenant.')
var signInAudience = tenants == 'home'
  ? 'AzureADMyOrg'
  : tenants == 'common' || contains(tenants, personalAccounts)
      ? 'AzureADandPersonalMicrosoftAccount'
      : 'AzureADMultipleOrgs'

@description('Where Entra sends people back to after sign-in.')
var redirectUris = map(hostNames, hostName => 'https://${hostName}/auth/callback')

module application 'modules/application.bicep' = {
  params: {
    uniqueName: uniqueName
    displayName: displayName
    signInAudience: signInAudience
    redirectUris: redirectUris
    preAuthorizedClientIds: preAuthorizedClientIds
    callsFoundry: callsFoundry
    ownerIds: ownerIds
    clientId: ''
  }
}

// The client id exists only after the first pass, and Microsoft Graph takes a
// property that is left out for one to keep or to empty, depending on the
// property: so the second pass repeats every one.
module applicationWithItsOwnId 'modules/application.bicep' = {
  params: {
    uniqueName: uniqueName
    displayName: displayName
    signInAudience: signInAudience
    redirectUris: redirectUris
    preAuthorizedClientIds: preAuthorizedClientIds
    callsFoundry: callsFoundry
    ownerIds: ownerIds
    clientId: application.outputs.clientId
  }
}

resource servicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: applicationWithItsOwnId.outputs.clientId
  // Without it the portal does not list the application where roles are assigned.
  tags: ['WindowsAzureActiveDirectoryIntegratedApp']
}

resource trustInIdentity 'Microsoft.Graph/applications/federatedIdentityCredentials@v1.0' = if (!empty(hostNames)) {
  name: '${uniqueName}/managed-identity'
  description: 'The managed identity of the site signs in as the application: no secret anywhere.'
  audiences: ['api://AzureADTokenExchange']
  issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
  subject: identityPrincipalId
  dependsOn: [applicationWithItsOwnId]
}

// One after the other: the directory refuses changes of one service principal
// that cross.
@batchSize(1)
resource deployerRoles 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for role in assignDeployerRoles: {
    appRoleId: guid(uniqueName, role)
    principalId: deployer().objectId
    resourceId: servicePrincipal.id
  }
]

@description('The client id: setting ENTRADA_CLIENT_ID, and parameter `entraClientId` of main.bicep.')
output clientId string = applicationWithItsOwnId.outputs.clientId

@description('Object id of the service principal, on which roles are assigned and consent is given.')
output servicePrincipalId string = servicePrincipal.id
