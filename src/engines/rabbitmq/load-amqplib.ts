import type { ChannelModel, Options, SocketOptions } from 'amqplib'
import { loadPackage } from '../load-package.ts'

/** What is used of the package. */
export interface Amqplib {
  readonly connect: (url: Options.Connect, socketOptions: SocketOptions) => Promise<ChannelModel>
}

/** @throws EngineMissingError when the package is not installed */
export function loadAmqplib (load: () => Promise<Amqplib> = () => import('amqplib')): Promise<Amqplib> {
  return loadPackage('rabbitmq', 'amqplib', load)
}
