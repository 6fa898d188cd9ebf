import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type EngineProgram, engineProgram } from '../engine-program.fixture.ts'
import { type TestProxy, testProxy } from '../proxy.fixture.ts'
import { waitUntil } from '../wait-until.fixture.ts'
import { type KafkaRequest, kafkaWire, type KafkaWireFaults } from './kafka-wire.fixture.ts'

/** The command line of librdkafka, whose library brings the mock cluster. */
export const kcatProgram: EngineProgram = engineProgram('kcat', 'apt-get install kcat')

/** A way to the cluster: clients that know it by this address get no other. */
export interface KafkaDoor {
  readonly broker: string
  readonly proxy: TestProxy
  /** Requests that the cluster was sent this way, in their order. */
  readonly requests: readonly KafkaRequest[]
  /** What goes wrong on the wire from now on. */
  readonly faults: KafkaWireFaults
}

/**
 * librdkafka's mock cluster: not Kafka, but a broker that speaks its protocol over real sockets, made to test clients
 * with. It keeps messages in memory, knows groups and producer ids, and does not drop duplicates.
 *
 * It is reached through a proxy that mends one fault of it (version 2.0.2 writes 8 bytes for the leader's epoch of
 * ListOffsets from version 4 on, where the protocol has 4; so the proxy announces version 3), that makes it name the
 * proxy's port for its own, and that can fail.
 */
export interface KafkaMock extends KafkaDoor, AsyncDisposable {
  /** Another way to the same cluster, for a client that shall fail alone. */
  door(): Promise<KafkaDoor>
  /** The cluster stands still, with its sockets open, until `proceed`. */
  pause(): void
  proceed(): void
}

export async function kafkaMock (): Promise<KafkaMock> {
  // Any client can be told to bring the mock; this one waits for messages of a topic that nobody writes.
  const args = [
    '-b',
    '127.0.0.1:1',
    '-X',
    'test.mock.num.brokers=1',
    '-X',
    'debug=mock',
    '-C',
    '-t',
    'nobody',
  ]
  const cluster: ChildProcess = spawn(kcatProgram.path, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  cluster.stderr?.on('data', (part) => {
    if (said.length < 10_000) said += part
  })
  const portOf = (): string | undefined => /bootstrap\.servers=127\.0\.0\.1:(\d+)/.exec(said)?.[1]
  await waitUntil('the mock cluster is ready', () => {
    if (cluster.exitCode !== null) throw new Error(`kcat ended: ${said}`)
    return portOf() !== undefined
  })
  const clusterPort = Number(portOf())
  const first = await kafkaDoor(clusterPort)
  return {
    ...first,
    door: () => kafkaDoor(clusterPort),
    pause: () => cluster.kill('SIGSTOP'),
    proceed: () => cluster.kill('SIGCONT'),
    async [Symbol.asyncDispose] () {
      await first.proxy.shut()
      if (cluster.exitCode !== null || cluster.signalCode !== null) return
      const exited = once(cluster, 'exit')
      cluster.kill('SIGKILL')
      await exited
    },
  }
}

async function kafkaDoor (clusterPort: number): Promise<KafkaDoor> {
  const requests: KafkaRequest[] = []
  const faults: KafkaWireFaults = { swallow: new Set(), refuse: undefined, refuseLargerThan: undefined }
  const proxy: TestProxy = await testProxy(
    clusterPort,
    () => kafkaWire({ clusterPort, port: proxy.port, requests, faults })
  )
  return { broker: `127.0.0.1:${proxy.port}`, proxy, requests, faults }
}
