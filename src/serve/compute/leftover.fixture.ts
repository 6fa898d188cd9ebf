export function leaveBehind (): string {
  setTimeout(() => {
    throw new Error('left behind')
  }, 20)
  return 'done'
}

export function fine (): string {
  return 'fine'
}
