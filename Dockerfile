# The package on the Functions host's image for custom handlers, for plans that
# run containers (Premium, Dedicated, Azure Container Apps; Flex Consumption does
# not). `cargo xtask package` writes what is copied here. No test builds this
# image: build it, and try it, before you rely on it.
FROM mcr.microsoft.com/azure-functions/base:4

ENV AzureWebJobsScriptRoot=/home/site/wwwroot \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true \
    FUNCTIONS_WORKER_RUNTIME=custom

COPY dist/ /home/site/wwwroot/
