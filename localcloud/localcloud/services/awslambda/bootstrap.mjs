// Bootstrap of one invocation of a Node.js function in its own process, like Lambda's runtime.
//
// The AWS SDK is loaded from the packages of the runtime, as in Lambda. The input is in variables that begin with
// _SANDBOX_, which are removed before the function runs.

import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire, registerHooks, syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const given = {};
for (const name of Object.keys(process.env).filter((name) => name.startsWith('_SANDBOX_'))) {
  given[name.slice('_SANDBOX_'.length)] = process.env[name];
  delete process.env[name];
}

function tell(message) {
  fs.writeSync(Number(given.CONTROL_FD), `${JSON.stringify(message)}\n`);
}

function end(message) {
  tell(message);
  process.exit(0); // Ends the function's leftover work too, like a frozen sandbox.
}

function fail(error) {
  const described = {
    errorType: error?.name ?? 'Error',
    errorMessage: error?.message ?? String(error),
    trace: (error?.stack ?? '').split('\n'),
  };
  console.error(`ERROR\tInvoke Error\t${JSON.stringify(described)}`);
  end({ error: JSON.stringify(described) });
}

// Packages missing from the function are resolved in the runtime's packages.
const runtime = createRequire(path.join(given.PACKAGES, 'runtime.js'));
let inRuntime = false;
registerHooks({
  resolve(specifier, context, nextResolve) {
    try {
      return nextResolve(specifier, context);
    } catch (error) {
      // This hook is also called by `runtime.resolve`.
      if (inRuntime || /^[./]/.test(specifier) || specifier.includes(':')) throw error;
      inRuntime = true;
      try {
        return { url: pathToFileURL(runtime.resolve(specifier)).href, shortCircuit: true };
      } catch {
        throw error;
      } finally {
        inRuntime = false;
      }
    }
  },
});

// The CDK's providers expect TLS on port 443, as on AWS; the local endpoint uses plain HTTP.
const endpoint = new URL(process.env.AWS_ENDPOINT_URL);
const requestByTls = https.request;
https.request = (options, ...rest) => {
  const isLocal = typeof options === 'object' && ['localhost', endpoint.hostname].includes(options.hostname);
  return isLocal ? http.request({ ...options, port: endpoint.port }, ...rest) : requestByTls(options, ...rest);
};
syncBuiltinESMExports();

const deadline = Date.now() + Number(given.TIMEOUT) * 1000;
const context = {
  awsRequestId: given.REQUEST_ID,
  invokedFunctionArn: given.ARN,
  functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
  functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
  memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
  logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
  callbackWaitsForEmptyEventLoop: true,
  getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
};

async function loadHandler(name) {
  const dot = name.lastIndexOf('.');
  const stem = path.join(process.env.LAMBDA_TASK_ROOT, name.slice(0, dot));
  const file = ['.js', '.mjs', '.cjs'].map((extension) => stem + extension).find(fs.existsSync);
  if (!file) throw Object.assign(new Error(`Cannot find module '${name.slice(0, dot)}'`), { name: 'Runtime.ImportModuleError' });
  const module = await import(pathToFileURL(file).href);
  const handler = module[name.slice(dot + 1)] ?? module.default?.[name.slice(dot + 1)];
  if (typeof handler !== 'function') {
    throw Object.assign(new Error(`${name} is undefined or not exported`), { name: 'Runtime.HandlerNotFound' });
  }
  return handler;
}

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
try {
  const handler = await loadHandler(process.env._HANDLER);
  tell({ ready: true });
  const event = JSON.parse(fs.readFileSync(given.EVENT, 'utf8'));
  const answer = await new Promise((resolve, reject) => {
    const returned = handler(event, context, (error, value) => (error ? reject(error) : resolve(value)));
    if (typeof returned?.then === 'function') returned.then(resolve, reject);
    else if (handler.length < 3) resolve(returned);
  });
  end({ result: JSON.stringify(answer ?? null) });
} catch (error) {
  fail(error);
}
