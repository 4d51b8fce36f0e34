// Application Default Credentials of the Node library: says what it found, and lists a bucket.
const { GoogleAuth } = require("google-auth-library");

async function main(url, audience) {
  const auth = new GoogleAuth({ scopes: ["https://www.googleapis.com/auth/devstorage.read_only"] });
  const client = await auth.getClient();
  const idTokenClient = await auth.getIdTokenClient(audience);
  const listed = await client.request({ url: `${url}/storage/v1/b/bucket/o` });
  const found = {
    kind: client.constructor.name,
    project: await auth.getProjectId(),
    universe: await auth.getUniverseDomain(),
    email: (await auth.getCredentials()).client_email,
    token: (await client.getAccessToken()).token,
    idToken: await idTokenClient.idTokenProvider.fetchIdToken(audience),
    names: listed.data.items.map((item) => item.name),
  };
  console.log(JSON.stringify(found));
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
