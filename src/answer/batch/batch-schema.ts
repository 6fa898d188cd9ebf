import type { ResolvedBatchOptions } from './options.ts'
import { partMethods } from './read-batch.ts'

/** What the API description says of a batch. */
export function batchSchema ({ maxParts, within, partHeaders }: ResolvedBatchOptions): object {
  return {
    summary: 'Several requests at once',
    description: 'Runs up to ' +
      `${maxParts} requests to this service and answers with all of their answers. ` +
      'Each is limited, checked and answered as if it had been sent alone, so that some can fail while others ' +
      'succeed: the batch itself is answered with 200. With `Accept: application/x-ndjson` the answers come as ' +
      'lines, in the order in which they are ready.',
    body: {
      type: 'object',
      required: ['requests'],
      properties: {
        requests: {
          type: 'array',
          minItems: 1,
          maxItems: maxParts,
          items: {
            type: 'object',
            required: ['id', 'method', 'path'],
            additionalProperties: false,
            properties: {
              id: { type: 'string', pattern: '^[\\w.-]{1,64}$', description: 'Unique in the batch.' },
              method: { type: 'string', enum: partMethods },
              path: { type: 'string', description: `With its query; begins with ${within}` },
              headers: {
                type: 'object',
                additionalProperties: { type: 'string' },
                description: `Any of ${[...partHeaders].join(', ')}; the others are the batch's own.`,
              },
              body: { description: 'Any JSON value.' },
              dependsOn: {
                type: 'array',
                items: { type: 'string' },
                description: 'Ids of parts that have to succeed first.',
              },
            },
          },
        },
      },
    },
    response: {
      200: {
        description: 'The answers, in the order of the requests.',
        type: 'object',
        required: ['responses'],
        properties: {
          responses: {
            type: 'array',
            items: {
              type: 'object',
              required: ['id', 'status', 'headers'],
              properties: {
                id: { type: 'string' },
                status: { type: 'integer' },
                headers: { type: 'object', additionalProperties: true },
                body: { description: 'JSON as it is, text as text, anything else as base64.' },
                encoding: { type: 'string', enum: ['base64'] },
              },
            },
          },
        },
      },
    },
  }
}
