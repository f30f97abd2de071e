metadata description = 'Lets people talk to the agents of Foundry, and the site list them. Entrada calls agents as the signed-in person, so it is people who need the role that does; the site never gets one.'

@description('Object id of the person, application or group that may call agents.')
param principalId string

@description('What the principal is.')
param principalType 'Group' | 'ServicePrincipal' | 'User'

@description('Object id of the site\'s managed identity, which may list agents. Empty: it may not.')
param identityPrincipalId string = ''

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

// Assumed, and nowhere else: listing agents takes the data action agents/read
// and nothing more. Foundry Agent Consumer does not have it (it has
// endpoints/interact/action alone); the built-in roles that do (Foundry User,
// Cognitive Services Data Reader) change agents too, or read what people said.
// A refusal names the action that is missing; it is in the log of Entrada's
// start, and `entrada doctor` says it.
resource agentsAreListed 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (!empty(identityPrincipalId)) {
  name: guid(resourceGroup().id, identityPrincipalId, 'agents/read')
  properties: {
    roleName: 'Entrada: list agents (${identityPrincipalId})'
    description: 'List the agents of Foundry; talk to none.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: ['Microsoft.CognitiveServices/accounts/AIServices/agents/read']
        notDataActions: []
      }
    ]
  }
}

resource identityListsAgents 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(identityPrincipalId)) {
  name: guid(resourceGroup().id, identityPrincipalId, agentsAreListed.id)
  properties: {
    roleDefinitionId: agentsAreListed.id
    principalId: identityPrincipalId
    principalType: 'ServicePrincipal'
  }
}
