export function never (): void {}

throw new Error('no licence file')
