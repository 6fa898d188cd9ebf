/** What `work` comes to, or a rejection with the signal's reason, whichever is first. The work goes on. */
export function abortable<Result> (work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const leave = (): void => reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    const settle = (): void => signal.removeEventListener('abort', leave)
    work.then(
      (result) => {
        settle()
        resolve(result)
      },
      (error: unknown) => {
        settle()
        reject(error)
      }
    )
  })
}
