// Verifies tokens with jose for as long as standard input lasts. Its first line says whose they are, every other one is a
// new token; each is answered with a line of JSON, when every token that is still valid has been verified by every key set.
import { createInterface } from 'node:readline';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import * as oauth from 'openid-client';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { issuer, algorithm, new_set_every, max_age_ms } = JSON.parse((await lines.next()).value);
const config = await oauth.discovery(new URL(issuer), 'verifier', undefined, oauth.None(), {
  algorithm: 'oauth2',
  execute: [oauth.allowInsecureRequests],
});
const keysAt = new URL(config.serverMetadata().jwks_uri);

const sets = [];
// One that keeps the keys for as long as it may, and never asks before: not for a key that it does not know either.
if (max_age_ms) sets.push(createRemoteJWKSet(keysAt, { cacheMaxAge: max_age_ms, cooldownDuration: Infinity }));
let tokens = [];

const isOver = (token) => Date.now() >= decodeJwt(token).exp * 1000;
const verify = async (token, keys) => {
  try {
    const verified = await jwtVerify(token, keys, { issuer, audience: 'stock', typ: 'at+jwt', algorithms: [algorithm] });
    return { kid: verified.protectedHeader.kid };
  } catch (error) {
    // It ended on the way here.
    return isOver(token) ? {} : { failure: `${error.code}: ${error.message}` };
  }
};

for (let round = 0; ; round += 1) {
  const { value: token, done } = await lines.next();
  if (done) break;
  // Each with its own cache, so that some set was fetched at every moment of a rotation.
  if (round % new_set_every === 0) sets.push(createRemoteJWKSet(keysAt));
  tokens = [...tokens, token].filter((one) => !isOver(one));
  const results = await Promise.all(sets.flatMap((keys) => tokens.map((one) => verify(one, keys))));
  const kids = [...new Set(results.flatMap(({ kid }) => kid ?? []))];
  const failures = results.flatMap(({ failure }) => failure ?? []);
  const verified = results.filter(({ kid }) => kid).length;
  console.log(JSON.stringify({ verified, kids, failures, sets: sets.length }));
}
