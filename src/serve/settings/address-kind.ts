import { SettingError } from '../../kernel/index.ts'
import { parseAddress } from './address.ts'
import type { Kind } from './kind.ts'

/** Where to listen. */
export function address (): Kind<string> {
  return {
    placeholder: 'HOST:PORT|unix:PATH',
    list: false,
    secret: false,
    fromText: (text) => text,
    read (data, setting) {
      if (typeof data === 'string' && parseAddress(data) !== undefined) return data
      throw new SettingError(setting, 'HOST:PORT, [IPV6]:PORT or unix:PATH, such as "127.0.0.1:3000"', data)
    },
    show: String,
  }
}

/** A TCP address, or `off`. */
export function tcpAddressOrOff (): Kind<string> {
  return {
    ...address(),
    placeholder: 'HOST:PORT|off',
    read (data, setting) {
      if (data === 'off' || (typeof data === 'string' && parseAddress(data)?.kind === 'tcp')) return data
      throw new SettingError(setting, 'HOST:PORT such as "127.0.0.1:3001", or "off"', data)
    },
  }
}
