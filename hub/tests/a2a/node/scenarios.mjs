// The scenario list with the A2A project's JavaScript library: node scenarios.mjs <address> <token> <binding>
import { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } from '@a2a-js/sdk/client';
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc';

const [address, token, binding] = process.argv.slice(2);
const fetchImpl = (url, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set('Authorization', `Bearer ${token}`);
  return fetch(url, { ...init, headers });
};
const options = { serviceParameters: { authorization: `Bearer ${token}` } };
const factory = new ClientFactory({
  transports: [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl }), new GrpcTransportFactory()],
  preferredTransports: [binding],
  cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
});
const client = await factory.createFromUrl(address);

const said = (messageId, more = {}) => ({
  message: {
    messageId, role: 1, parts: [{ content: { $case: 'text', value: 'hello' }, filename: '', mediaType: '' }],
    contextId: '', taskId: '', extensions: [], referenceTaskIds: [], metadata: undefined, ...more,
  },
  configuration: undefined, metadata: undefined, tenant: '',
});
const stream = async (request) => {
  const kinds = [];
  for await (const event of client.sendMessageStream(request, options)) kinds.push(event.payload.$case);
  return kinds;
};
const name = async (work) => work.then(() => 'nothing', (error) => error.constructor.name);

const out = {};
out.message = (await client.sendMessage(said('tck-message-response'), options)).parts?.[0]?.content?.value;
out.stream = await stream(said('tck-stream-artifact-chunked'));
const asking = await client.sendMessage(said('tck-input-required'), options);
out.asks = asking.status.state;
const done = await client.sendMessage(said('tck-complete-task', { taskId: asking.id }), options);
out.done = [done.status.state, done.id === asking.id];
out.again = (await client.getTask({ id: asking.id, tenant: '' }, options)).status.state;
out.cancel = await name(client.cancelTask({ id: asking.id, tenant: '', metadata: undefined }, options));
out.unknown = await name(client.getTask({ id: 'nobody', tenant: '' }, options));
console.log(JSON.stringify(out));
