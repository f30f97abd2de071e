metadata description = 'The Key Vault of the key ring. Roles decide who may read and who may write; access policies do not exist.'

@description('Name of the vault: 3 to 24 letters, digits and hyphens.')
param name string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags { *: string }

@description('Object id of the managed identity that reads the key ring.')
param identityPrincipalId string

@description('Object id of who deploys this, and makes the key ring.')
param deployerObjectId string

@description('What the deployer is, who writes the key ring.')
param deployerPrincipalType 'User' | 'ServicePrincipal'

@description('Whether a deleted vault stays recoverable, whatever its administrators do, until its retention ends.')
param purgeProtection bool

@description('Whether only the private endpoint reaches the vault.')
param isPrivate bool

@description('Built-in role Key Vault Secrets User: read secrets.')
var keyVaultSecretsUser = '4633458b-17de-408a-b874-0445c86b69e6'

@description('Built-in role Key Vault Secrets Officer: write secrets.')
var keyVaultSecretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // The service refuses an outright `false`.
    enablePurgeProtection: purgeProtection ? true : null
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

resource identityReadsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, 'identity', keyVaultSecretsUser)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsUser)
    principalId: identityPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource deployerWritesSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, deployerObjectId, keyVaultSecretsOfficer)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsOfficer)
    principalId: deployerObjectId
    principalType: deployerPrincipalType
  }
}

@description('Address of the vault.')
output url string = vault.properties.vaultUri
