import type { ChildProcess } from 'node:child_process'
import cluster, { type Worker } from 'node:cluster'
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock } from '../../kernel/index.ts'
import { captureStack } from './capture-stack.ts'
import type { WorkerEars, WorkerHost, WorkerProcess } from './fleet/index.ts'
import { type BootOrder, type FromWorker, isOwn, type ToWorker } from './protocol.ts'

export interface ClusterHostOptions {
  /** What a worker process runs. */
  readonly workerMain: URL
  readonly acceptMode: 'shared' | 'round-robin'
  /** Where workers' standard error goes, unchanged. @default this process's own */
  readonly stderr?: (chunk: Uint8Array) => void
  readonly clock?: Clock
}

/** How much of a worker's standard error is kept for the report of its end, in characters. */
const lastWordsLength = 2_000
/** How long after a worker's exit the rest of its standard error is waited for. */
const lastWordsGraceMs = 100
/** A blocked thread that runs JavaScript answers within a quarter of a second on a busy machine. */
const captureTimeoutMs = 3_000
/** What Node says when an inspector is opened and used. Not the worker's words, and no news to anyone. */
const inspectorTalk =
  /^(?:Debugger (?:listening on|attached|ending on)|For help, see: https:\/\/nodejs\.org).*\n?/gm

/**
 * Worker processes by node:cluster. Its settings are the process's own, so that there can be one host at a
 * time in a process.
 */
export function clusterHost (options: ClusterHostOptions): WorkerHost {
  const { workerMain, acceptMode, clock = systemClock } = options
  const { stderr = (chunk) => process.stderr.write(chunk) } = options
  cluster.schedulingPolicy = acceptMode === 'shared' ? cluster.SCHED_NONE : cluster.SCHED_RR
  cluster.setupPrimary({
    exec: fileURLToPath(workerMain),
    args: [],
    // A port that is opened on SIGUSR1 only: see capture-stack.ts.
    execArgv: [...process.execArgv.filter((flag) => !flag.startsWith('--inspect')), '--inspect-port=0'],
    inspectPort: 0,
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  return {
    fork: (order, ears) => clusterProcess(cluster.fork(), order, ears, { stderr, clock }),
  }
}

function clusterProcess (
  worker: Worker,
  order: BootOrder,
  { onMessage, onExit }: WorkerEars,
  { stderr, clock }: { readonly stderr: (chunk: Uint8Array) => void; readonly clock: Clock }
): WorkerProcess {
  const child = worker.process as ChildProcess
  let lastWords = ''
  let isInspected = false
  let hasEnded = false

  child.stderr?.on('data', (chunk: Buffer) => {
    const text = isInspected ? chunk.toString().replaceAll(inspectorTalk, '') : chunk.toString()
    if (text === '') return
    lastWords = (lastWords + text).slice(-lastWordsLength)
    stderr(isInspected ? Buffer.from(text) : chunk)
  })
  worker.on('message', (message: unknown) => {
    if (!isOwn(message)) return
    if (message.plimsoll === 'hello') send({ plimsoll: 'boot', order })
    else onMessage(message as FromWorker)
  })
  // Without a listener, a process that cannot be started or spoken to would end the supervisor.
  worker.on('error', (error) => {
    if (child.pid === undefined) end(null, null, `${error.message}\n`)
  })
  // Its last words may still be on their way; but a child of its own that lives on would keep them open.
  child.once('close', (code, signal) => end(code, signal))
  child.once('exit', (code, signal) => clock.after(lastWordsGraceMs, () => end(code, signal)))

  function end (code: number | null, signal: string | null, words = lastWords): void {
    if (hasEnded) return
    hasEnded = true
    onExit({ code, signal, lastWords: words })
  }

  function send (message: ToWorker): void {
    if (!worker.isConnected()) return
    // It may go while it is spoken to; its exit says so.
    worker.process.send(message, undefined, undefined, () => {})
  }

  return {
    pid: child.pid ?? 0,
    send,
    kill: () => void child.kill('SIGKILL'),
    async captureStack () {
      isInspected = true
      const timeout = new AbortController()
      const cancel = clock.after(captureTimeoutMs, () => timeout.abort(new Error('no answer in time')))
      try {
        return await captureStack({ pid: child.pid!, stderr: child.stderr!, signal: timeout.signal })
      } finally {
        cancel()
      }
    },
  }
}
