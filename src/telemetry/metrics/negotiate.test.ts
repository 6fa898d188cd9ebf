import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricsFormat } from './negotiate.ts'

const cases: readonly (readonly [string, string | undefined, 'prometheus' | 'openmetrics'])[] = [
  ['no header', undefined, 'prometheus'],
  ['anything', '*/*', 'prometheus'],
  ['a browser', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'prometheus'],
  ['OpenMetrics alone', 'application/openmetrics-text', 'openmetrics'],
  [
    'Prometheus 2',
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,' +
    'text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'openmetrics',
  ],
  [
    'Prometheus 3',
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,' +
    'application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,' +
    'text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
    'openmetrics',
  ],
  ['plain text liked better', 'application/openmetrics-text;q=0.4, text/plain;q=0.5', 'prometheus'],
  ['both liked equally', 'text/plain, application/openmetrics-text', 'openmetrics'],
  ['OpenMetrics refused', 'application/openmetrics-text;q=0, */*', 'prometheus'],
  ['OpenMetrics refused and nothing else named', 'application/openmetrics-text;q=0', 'prometheus'],
  ['a version to come', 'application/openmetrics-text;version=2.0.0', 'prometheus'],
  ['capitals, spaces and quotes', 'Application/OpenMetrics-Text ; Version="1.0.0" ; Q=0.9', 'openmetrics'],
  ['a quality that is none', 'application/openmetrics-text;q=high, text/plain;q=0.1', 'prometheus'],
  ['a wildcard that is liked better', 'application/openmetrics-text;q=0.1, text/*', 'prometheus'],
  ['neither', 'application/json', 'prometheus'],
]

for (const [claim, accept, format] of cases) {
  test(`${claim}: ${format}`, () => assert.equal(metricsFormat(accept).format, format))
}

test('the content types are those of the formats', () => {
  assert.equal(metricsFormat(undefined).contentType, 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(
    metricsFormat('application/openmetrics-text').contentType,
    'application/openmetrics-text; version=1.0.0; charset=utf-8'
  )
})
