#!/usr/bin/env node
// A stand-in for CML 0.20.6, for rehearsals without a network; CML=<path to a checkout of iterative/cml> in the
// rehearsal uses a real one. Read from CML's sources, it keeps this contract:
// - `cml comment update --repo=URL --target=pr/N --publish=false --watermark-title=TITLE REPORT` changes the newest
//   comment that carries the watermark, or else creates one; `cml comment create` always creates. Prints its URL.
// - Token: --token (or --driver-token), REPO_TOKEN, repo_token, GITHUB_TOKEN; without any "token not found", exit 1.
// - Body: the report, a blank line, the watermark. The watermark holds a commit, which matching ignores. `{workflow}`
//   and `{run}` in the title are filled in, and `_ * [ <` are escaped.
// - Only the first 30 comments are read, so a busy pull request gets a second report.
// - GET /users/GITHUB_ACTOR comes first (CML's telemetry asks); its failure changes nothing.
// - Any error exits 1, with the reason on stderr.
// What it does instead of CML: it talks to GITHUB_API_URL, and to nothing else (CML derives the address from --repo,
// always with TLS); without --publish=false it fails, where CML uploads to a public host; telemetry and
// `git config --global safe.directory` are left out; targets other than pr/N and all other commands are refused.
'use strict';

const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { parseArgs } = require('node:util');

const TEXTS = ['repo', 'target', 'publish', 'watermark-title', 'token', 'driver-token', 'driver', 'log'];
const OPTIONS = Object.fromEntries(TEXTS.map((name) => [name, { type: 'string' }]));
const env = process.env;

function read(words) {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: { ...OPTIONS, 'no-publish': { type: 'boolean' } },
  });
  const [command, action, report, ...rest] = positionals;
  if (command !== 'comment' || !['create', 'update'].includes(action)) {
    throw new Error(`Unknown command: ${positionals.slice(0, 2).join(' ') || '(none)'}; known are comment create, update`);
  }
  if (!report || rest.length) throw new Error('Name one markdown file');
  if (values.publish !== 'false' && !values['no-publish']) {
    throw new Error('Say --publish=false: CML would upload every local file that the report names to a public host');
  }
  return { ...values, action, report };
}

function pullRequest(target = 'auto') {
  const found = /^pr\/([1-9]\d*)$/i.exec(target);
  if (!found) throw new Error(`Target "${target}" is not in this stand-in: say --target=pr/NUMBER`);
  return found[1];
}

function project(url) {
  if (!url) throw new Error('repo not found: say --repo=https://HOST/OWNER/NAME');
  const path = new URL(url).pathname.replace(/\/$/, '').replace(/\.git$/, '');
  return path.split('/').slice(1, 3).join('/');
}

function commit() {
  if (env.GITHUB_EVENT_NAME === 'pull_request') {
    return JSON.parse(readFileSync(env.GITHUB_EVENT_PATH, 'utf8')).pull_request.head.sha;
  }
  return env.GITHUB_SHA || execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
}

function watermark(label = '') {
  const filled = label.replace('{workflow}', env.GITHUB_WORKFLOW).replace('{run}', env.GITHUB_RUN_ID);
  const title = `CML watermark ${filled}`.trim().replace(/[_*[<]/g, '\\$&');
  const literally = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return {
    on: (report) => `${report}\n\n![](https://cml.dev/watermark.png#${commit()} "${title}")`,
    pattern: new RegExp(`!\\[\\]\\(https://cml\\.dev/watermark\\.png#[0-9a-fA-F]+ "${literally}"\\)`),
  };
}

function client(token) {
  if (!token) throw new Error('token not found');
  if (!env.GITHUB_API_URL) throw new Error('GITHUB_API_URL is not set: this stand-in talks to that address only');
  return async (method, path, content) => {
    const answer = await fetch(`${env.GITHUB_API_URL}${path}`, {
      method,
      headers: { authorization: `token ${token}`, accept: 'application/vnd.github.v3+json' },
      body: content && JSON.stringify(content),
    });
    const told = await answer.json();
    if (answer.ok) return told;
    throw new Error([told.message, ...(told.errors || []).map((error) => JSON.stringify(error))].join(': '));
  };
}

async function main(words) {
  const options = read(words);
  const number = pullRequest(options.target);
  const home = `/repos/${project(options.repo)}`;
  const given = options.token || options['driver-token'];
  const ask = client(given || env.REPO_TOKEN || env.repo_token || env.GITHUB_TOKEN);
  if (env.GITHUB_ACTOR) await ask('GET', `/users/${encodeURIComponent(env.GITHUB_ACTOR)}`).catch(() => {});
  const mark = watermark(options['watermark-title']);
  const body = mark.on(readFileSync(options.report, 'utf8'));
  const comments = options.action === 'update' ? await ask('GET', `${home}/issues/${number}/comments`) : [];
  const own = comments.reverse().find((comment) => mark.pattern.test(comment.body));
  const posted = own
    ? await ask('PATCH', `${home}/issues/comments/${own.id}`, { body })
    : await ask('POST', `${home}/issues/${number}/comments`, { body });
  console.log(posted.html_url);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`error: ${error.message}${error.cause ? ` (${error.cause.message})` : ''}`);
  process.exitCode = 1;
});
