// Runs before `npm start` and `npm test`. It is plain JavaScript, because it must also run on a Node that is too old.
const { version, versions } = process;
const [major = 0, minor = 0] = versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(`This project needs Node 22.19 or later; this is ${version}.

Install the current LTS from https://nodejs.org, or with a version manager:
  nvm install 24      (nvm)
  fnm install 24 && fnm use 24      (fnm)
  volta install node@24      (Volta)`);
  process.exit(1);
}
