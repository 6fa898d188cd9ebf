import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { StackFrame } from './supervisor-event.ts'

/** The stack of a blocked process could not be had. */
export class StackCaptureError extends Error {
  override readonly name = 'StackCaptureError'
  readonly code = 'STACK_CAPTURE_FAILED'
}

export interface CaptureOptions {
  readonly pid: number
  /** The process's standard error, where Node announces the inspector's address. */
  readonly stderr: Readable
  /** Ends the attempt. */
  readonly signal: AbortSignal
}

/**
 * Run by the blocked thread, on top of the very stack that blocks it: V8 serves an inspector's messages
 * at the stack guards of loops, of regular expressions and of waits, and an error made there sees all below.
 */
const readStack = `(() => {
  const { prepareStackTrace, stackTraceLimit } = Error
  Error.stackTraceLimit = 64
  Error.prepareStackTrace = (_, sites) => sites.map((site) => ({
    function: site.getFunctionName() ?? '',
    file: site.getFileName() ?? '',
    line: site.getLineNumber() ?? 0,
    column: site.getColumnNumber() ?? 0,
  }))
  const frames = new Error().stack
  Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  return frames
})()`

/**
 * Where the main thread of a Node process stands, top frame first, although its event loop is blocked.
 *
 * SIGUSR1 makes Node open its inspector, from a thread of its own, on a free port of the loopback
 * interface (`--inspect-port=0`); over it one expression is evaluated. A process from which nobody asks pays
 * nothing for this; the alternative, a watchdog thread in each worker, costs 10 to 20 MB of memory per
 * worker. Since the port lets any local user into the process, the process must be killed afterwards.
 *
 * It fails where the thread runs no JavaScript (a synchronous file or child process call that hangs, a native
 * addon), where the process listens to SIGUSR1 itself, and under `--disable-sigusr1`.
 *
 * @throws StackCaptureError
 */
export async function captureStack (
  { pid, stderr, signal }: CaptureOptions
): Promise<readonly StackFrame[]> {
  try {
    const address = inspectorAddress(stderr, signal)
    process.kill(pid, 'SIGUSR1')
    return framesOf(await evaluate(await address, readStack, signal))
  } catch (error) {
    const why = signal.aborted ?
      'its main thread did not answer: it may be inside a native call' :
      (error as Error).message
    throw new StackCaptureError(`the stack of process ${pid} could not be read: ${why}`, { cause: error })
  }
}

async function inspectorAddress (stderr: Readable, signal: AbortSignal): Promise<string> {
  let text = ''
  const found = Promise.withResolvers<string>()
  const look = (chunk: Buffer): void => {
    text += chunk.toString()
    const address = /Debugger listening on (ws:\/\/127\.0\.0\.1:\S+)\s/.exec(text)?.[1]
    if (address !== undefined) found.resolve(address)
  }
  stderr.on('data', look)
  try {
    return await Promise.race([found.promise, aborted(signal)])
  } finally {
    stderr.off('data', look)
  }
}

async function evaluate (address: string, expression: string, signal: AbortSignal): Promise<unknown> {
  const socket = new WebSocket(address)
  try {
    await Promise.race([once(socket, 'open'), aborted(signal)])
    const answer = once(socket, 'message')
    const params = { expression, returnByValue: true }
    socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params }))
    const [message] = await Promise.race([answer, aborted(signal)]) as [MessageEvent]
    return (JSON.parse(String(message.data)) as { result?: { result?: { value?: unknown } } }).result?.result
      ?.value
  } finally {
    socket.close()
  }
}

/** The expression's own frames (function and script) are left out, and so is Node's machinery at the bottom. */
function framesOf (value: unknown): readonly StackFrame[] {
  if (!Array.isArray(value)) throw new Error('the inspector answered without a stack')
  const frames = (value as StackFrame[]).slice(2)
  const lastOwn = frames.findLastIndex(({ file }) => file !== '' && !file.startsWith('node:'))
  return lastOwn < 0 ? frames : frames.slice(0, lastOwn + 1)
}

function aborted (signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
