"use strict";
{
  const place = document.getElementById("redoc");
  // Searching runs in a worker made of a blob, which the page does not allow.
  const options = { nonce: place.dataset.nonce, disableSearch: true };
  Redoc.init("openapi.json", options, place);
}
