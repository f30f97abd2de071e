metadata description = 'Lets people talk to the agents of Foundry. Entrada calls agents as the signed-in person, so it is people who need the role, and the site never gets one.'

@description('Object id of the person, application or group that may call agents.')
param principalId string

@description('What the principal is.')
param principalType 'Group' | 'ServicePrincipal' | 'User'

@description('Built-in role Foundry Agent Consumer: call agents, change nothing.')
var foundryAgentConsumer = 'eed3b665-ab3a-47b6-8f48-c9382fb1dad6'

resource principalCallsAgents 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, foundryAgentConsumer)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', foundryAgentConsumer)
    principalId: principalId
    principalType: principalType
  }
}
