metadata description = 'The identity that the site runs as. It holds no secret: Azure hands its tokens to the site alone.'

@description('Name of the managed identity.')
param name string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags { *: string }

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id of the identity.')
output id string = identity.id

@description('Client id, by which the site asks for its tokens.')
output clientId string = identity.properties.clientId

@description('Object id of its service principal, to which roles are assigned.')
output principalId string = identity.properties.principalId
