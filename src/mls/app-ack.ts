// draft-ietf-mls-extensions-10 §6.1: AppAck, by which members tell each other which application messages have reached them.

import { type AppEphemeral, componentIds } from "./app-data.ts"
import { type Decoder, type Encoder, decode, encode } from "./codec.ts"
import { MlsError } from "./error.ts"
import { type LeafIndex, leafIndex } from "./tree-math.ts"

/** `MessageRange`: application messages of one sender in one epoch, both ends included. */
export interface MessageRange {
  readonly sender: LeafIndex
  readonly firstGeneration: number
  readonly lastGeneration: number
}

/**
 * The application messages of one epoch that have been received, by sender. A value. Ranges of a sender ascend, don't
 * touch, and are few where little is lost.
 */
export type ReceivedMessages = ReadonlyMap<LeafIndex, readonly MessageRange[]>

/** The successor of `received` with one more message; the same if it is there already. */
export function withReceived(
  received: ReceivedMessages,
  sender: LeafIndex,
  generation: number,
): ReceivedMessages {
  const ranges = received.get(sender) ?? []
  const one = { sender, firstGeneration: generation, lastGeneration: generation }
  return new Map(received).set(sender, united([...ranges, one]))
}

/** An AppEphemeral proposal's content that acknowledges `received`, with the senders in ascending order. */
export function appAck(received: ReceivedMessages): AppEphemeral {
  const ranges = [...received].sort(([a], [b]) => a - b).flatMap(([, each]) => each)
  return { componentId: componentIds.appAck, data: encode(encodeAppAck, ranges) }
}

/** The ranges of an AppAck. Throws `MlsError` `decode`, also for ranges that end before they begin. */
export function decodeAppAck(data: Uint8Array): MessageRange[] {
  return decode((reader) => reader.vector(decodeRange), data)
}

/**
 * What `acknowledged` names and `received` lacks: with another's AppAck and our own messages, what was lost on its way to
 * us; with our sent messages and another's AppAck as `received`, what was lost on its way there. Each message is in one
 * range; a sender's ascend.
 */
export function lostMessages(
  received: ReceivedMessages,
  acknowledged: readonly MessageRange[],
): MessageRange[] {
  const lost: MessageRange[] = []
  // An AppAck may name a message a thousand times: once is enough.
  for (const [sender, ranges] of receivedMessages(acknowledged)) {
    const had = received.get(sender) ?? []
    let next = 0
    for (const { firstGeneration, lastGeneration } of ranges) {
      let from = firstGeneration
      // Both ascend: what ends before this range is of no use to those after it.
      for (; from <= lastGeneration; next++) {
        const one = had[next]
        if (one === undefined || one.firstGeneration > lastGeneration) break
        if (one.firstGeneration > from) lost.push(rangeOf(sender, from, one.firstGeneration - 1))
        from = Math.max(from, one.lastGeneration + 1)
        if (one.lastGeneration > lastGeneration) break
      }
      if (from <= lastGeneration) lost.push(rangeOf(sender, from, lastGeneration))
    }
  }
  return lost
}

/** Messages as an AppAck names them, in any order and with repetitions, as `ReceivedMessages`. */
export function receivedMessages(ranges: readonly MessageRange[]): ReceivedMessages {
  const bySender = new Map<LeafIndex, MessageRange[]>()
  for (const range of ranges) {
    const known = bySender.get(range.sender)
    if (known === undefined) bySender.set(range.sender, [range])
    else known.push(range)
  }
  return new Map([...bySender].map(([sender, each]) => [sender, united(each)]))
}

/** Ranges of one sender in ascending order, those that touch or overlap made one. */
function united(ranges: readonly MessageRange[]): MessageRange[] {
  const result: MessageRange[] = []
  for (const range of [...ranges].sort((a, b) => a.firstGeneration - b.firstGeneration)) {
    const last = result.at(-1)
    if (last === undefined || range.firstGeneration > last.lastGeneration + 1) result.push(range)
    else if (range.lastGeneration > last.lastGeneration) {
      result[result.length - 1] = { ...last, lastGeneration: range.lastGeneration }
    }
  }
  return result
}

function rangeOf(sender: LeafIndex, firstGeneration: number, lastGeneration: number): MessageRange {
  return { sender, firstGeneration, lastGeneration }
}

const encodeRange: Encoder<MessageRange> = (writer, value) => {
  writer.u32(value.sender)
  writer.u32(value.firstGeneration)
  writer.u32(value.lastGeneration)
}

const encodeAppAck: Encoder<readonly MessageRange[]> = (writer, value) => {
  writer.vector(value, encodeRange)
}

const decodeRange: Decoder<MessageRange> = (reader) => {
  const range = rangeOf(leafIndex(reader.u32()), reader.u32(), reader.u32())
  if (range.lastGeneration < range.firstGeneration) {
    throw new MlsError("decode", "a range of messages that ends before it begins")
  }
  return range
}
