metadata description = 'The application registration: one scope for people, five roles, and what Entrada may ask of others in a person\'s name.'

extension microsoftGraphV1

@description('Name that the directory knows the application by, for ever.')
param uniqueName string

@description('Name that people see when they sign in.')
param displayName string

@description('Which accounts Entra lets sign in.')
param signInAudience 'AzureADMyOrg' | 'AzureADMultipleOrgs' | 'AzureADandPersonalMicrosoftAccount'

@description('Where Entra sends people back to after sign-in.')
param redirectUris string[]

@description('Client ids that get a token for a person without asking for consent.')
param preAuthorizedClientIds string[]

@description('Whether Entrada calls agents of Foundry as the signed-in person.')
param callsFoundry bool

@description('Object ids of those who may change the application later.')
param ownerIds string[]

@description('The client id, which names the application\'s own API. Empty in the first pass, when nobody knows it.')
param clientId string

@description('Id of the scope that a person\'s token must have.')
var scopeId = guid(uniqueName, 'access_as_user')

@description('The app roles: what they are for. They decide which tools somebody sees.')
var appRoles = [
  { value: 'Task.Read', description: 'Use tools that read.' }
  { value: 'Task.Write', description: 'Use tools that read and tools that write.' }
  { value: 'Task.Delete', description: 'Use tools that read and tools that delete.' }
  { value: 'Task.All', description: 'Use every tool but those of administrators.' }
  { value: 'MCPServer.Admin', description: 'Use the tools of administrators.' }
]

@description('Delegated permissions of Microsoft Graph: sign-in, and the signed-in person\'s own profile.')
var graphPermissions = {
  resourceAppId: '00000003-0000-0000-c000-000000000000'
  resourceAccess: [
    { id: '37f7f235-527c-4136-accd-4a02d197296e', type: 'Scope' } // openid
    { id: '14dad69e-099b-42c9-810b-d002981feec1', type: 'Scope' } // profile
    { id: '7427e0e9-2fba-42fe-b0c0-848c9e6a8182', type: 'Scope' } // offline_access
    { id: 'e1fe6dd8-ba31-4d61-89e7-88639da4683d', type: 'Scope' } // User.Read
  ]
}

@description('Delegated permission of Foundry (Azure Machine Learning Services): act as the signed-in person.')
var foundryPermissions = {
  resourceAppId: '18a66f5f-dbdf-4c17-9dd7-1634712a9cbe'
  resourceAccess: [
    { id: '1a7925b5-f871-417a-9b8b-303f9f29fa10', type: 'Scope' } // user_impersonation
  ]
}

@description('Permission of the application on itself: at sign-in it asks for a token of its own API.')
var ownPermissions = {
  resourceAppId: clientId
  resourceAccess: [
    { id: scopeId, type: 'Scope' }
  ]
}

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: displayName
  description: 'Entrada: the way in to AI agents and MCP tools.'
  signInAudience: signInAudience
  identifierUris: empty(clientId) ? [] : ['api://${clientId}']
  owners: {
    relationships: ownerIds
  }
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: scopeId
        value: 'access_as_user'
        type: 'Admin'
        isEnabled: true
        adminConsentDisplayName: 'Use ${displayName} as the signed-in person'
        adminConsentDescription: 'Lets a client use tools and agents of ${displayName} in the name of the signed-in person, within that person\'s app roles.'
      }
    ]
    preAuthorizedApplications: map(preAuthorizedClientIds, preAuthorizedClientId => {
      appId: preAuthorizedClientId
      delegatedPermissionIds: [scopeId]
    })
  }
  appRoles: map(appRoles, role => {
    id: guid(uniqueName, role.value)
    value: role.value
    displayName: role.value
    description: role.description
    allowedMemberTypes: ['Application', 'User']
    isEnabled: true
  })
  optionalClaims: {
    // Tells an application's own token from a person's.
    accessToken: [{ name: 'idtyp' }]
    idToken: []
    saml2Token: []
  }
  requiredResourceAccess: concat(
    [graphPermissions],
    callsFoundry ? [foundryPermissions] : [],
    empty(clientId) ? [] : [ownPermissions]
  )
  servicePrincipalLockConfiguration: {
    isEnabled: true
    allProperties: true
  }
  web: {
    redirectUris: redirectUris
    implicitGrantSettings: {
      enableAccessTokenIssuance: false
      enableIdTokenIssuance: false
    }
  }
}

@description('The client id that the directory gave.')
output clientId string = application.appId
