// The page's part of direct links. Workers have no RTCPeerConnection: the core (web/core/rtc) says what is to be done, the
// page does it and tells what happens. Which addresses may be shown, what is sent to the peer and what is believed is
// decided in the core. The data channel itself goes to the Worker where the browser can hand it over; elsewhere its
// messages pass through here.

/** What the core asks of the page. */
export type FromCoreRTC = { kind: "rtc"; id: number } & (
  | { op: "create"; config: RTCConfiguration; label?: string; protocol?: string }
  | { op: "offer" }
  | { op: "remote"; type: RTCSdpType; sdp: string }
  | { op: "candidate"; candidate: string }
  | { op: "stats" }
  | { op: "send"; text: string }
  | { op: "close" }
);

/** What goes to the core. */
export type ToCore =
  | { kind: "start"; options: string }
  | { kind: "stop" }
  | { kind: "command"; text: string }
  | { kind: "file"; handle: string; file: Blob }
  | ({ kind: "rtc"; id: number } & (
      | { event: "local"; sdp: string }
      | { event: "candidate"; candidate: string }
      | { event: "state"; state: RTCPeerConnectionState }
      | { event: "channel"; channel?: RTCDataChannel; label: string; protocol: string; ordered: boolean; limited: boolean }
      | { event: "opened" }
      | { event: "message"; text: string }
      | { event: "binary" }
      | { event: "buffered"; bytes: number }
      | { event: "closed" }
      | { event: "pair"; pair: Pair | null }
      | { event: "failed"; message: string }
    ));

/** The path in use, as the browser measures it. */
export interface Pair {
  rtt: number; // seconds
  local: Side;
  remote: Side;
}

interface Side {
  kind: string;
  address: string;
  port: number;
  url: string;
  relay: string;
}

type Post = (message: ToCore, transfer: Transferable[]) => void;

const most = 128; // connections at a time

export class Connections {
  #post: Post;
  #all = new Map<number, Connection>();

  constructor(post: Post) {
    this.#post = post;
  }

  hear(m: { id: number }): void {
    const message = m as FromCoreRTC;
    if (message.op === "create") {
      if (this.#all.size >= most) {
        this.#post({ kind: "rtc", id: m.id, event: "failed", message: "too many connections" }, []);
        return;
      }
      try {
        this.#all.set(m.id, new Connection(m.id, message.config, this.#post, message.label, message.protocol));
      } catch (e) {
        this.#post({ kind: "rtc", id: m.id, event: "failed", message: String(e) }, []);
      }
      return;
    }
    const c = this.#all.get(m.id);
    if (!c) return;
    if (message.op === "close") {
      this.#all.delete(m.id);
      c.close();
      return;
    }
    c.perform(message);
  }

  close(): void {
    for (const c of this.#all.values()) c.close();
    this.#all.clear();
  }
}

class Connection {
  #id: number;
  #post: Post;
  #pc: RTCPeerConnection;
  #channel: RTCDataChannel | undefined; // only while it is not in the Worker
  #watch: ReturnType<typeof setInterval> | undefined;
  /** What the core asked for is done one after another. */
  #turn: Promise<void> = Promise.resolve();
  #early: string[] | undefined = []; // candidates that came before the description

  constructor(id: number, config: RTCConfiguration, post: Post, label?: string, protocol?: string) {
    this.#id = id;
    this.#post = post;
    const pc = new RTCPeerConnection(config);
    this.#pc = pc;
    pc.onicecandidate = (e) => {
      if (e.candidate?.candidate) this.#tell({ event: "candidate", candidate: e.candidate.candidate });
    };
    pc.onconnectionstatechange = () => {
      this.#tell({ event: "state", state: pc.connectionState });
      if (pc.connectionState === "connected") this.#look();
    };
    pc.ondatachannel = (e) => this.#give(e.channel);
    if (label !== undefined) this.#give(pc.createDataChannel(label, { ordered: true, protocol: protocol ?? "" }));
  }

  #tell(event: { event: string } & Record<string, unknown>, transfer: Transferable[] = []): void {
    this.#post({ kind: "rtc", id: this.#id, ...event } as ToCore, transfer);
  }

  /** Gives a channel to the Worker, or serves it from here. */
  #give(channel: RTCDataChannel): void {
    const what = {
      event: "channel",
      label: channel.label,
      protocol: channel.protocol,
      ordered: channel.ordered,
      limited: channel.maxRetransmits !== null || channel.maxPacketLifeTime !== null,
    };
    try {
      this.#tell({ ...what, channel }, [channel as unknown as Transferable]);
      return;
    } catch {
      // Not every browser can.
    }
    this.#channel = channel;
    this.#tell(what);
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = 64 << 10;
    channel.onopen = () => this.#tell({ event: "opened" });
    channel.onclose = () => this.#tell({ event: "closed" });
    channel.onbufferedamountlow = () => this.#tell({ event: "buffered", bytes: channel.bufferedAmount });
    channel.onmessage = (e: MessageEvent<unknown>) =>
      typeof e.data === "string" ? this.#tell({ event: "message", text: e.data }) : this.#tell({ event: "binary" });
    if (channel.readyState === "open") this.#tell({ event: "opened" });
  }

  perform(m: FromCoreRTC): void {
    this.#turn = this.#turn
      .then(() => this.#perform(m))
      .catch((e: unknown) => this.#tell({ event: "failed", message: e instanceof Error ? e.message : String(e) }));
  }

  async #perform(m: FromCoreRTC): Promise<void> {
    const pc = this.#pc;
    switch (m.op) {
      case "offer":
        await pc.setLocalDescription(await pc.createOffer());
        this.#tell({ event: "local", sdp: pc.localDescription?.sdp ?? "" });
        break;
      case "remote":
        await pc.setRemoteDescription({ type: m.type, sdp: m.sdp });
        for (const candidate of this.#early ?? []) await this.#add(candidate);
        this.#early = undefined;
        if (m.type === "offer") {
          await pc.setLocalDescription(await pc.createAnswer());
          this.#tell({ event: "local", sdp: pc.localDescription?.sdp ?? "" });
        }
        break;
      case "candidate":
        if (this.#early) this.#early.push(m.candidate);
        else await this.#add(m.candidate);
        break;
      case "stats":
        await this.#measure();
        break;
      case "send":
        this.#channel?.send(m.text);
        this.#tell({ event: "buffered", bytes: this.#channel?.bufferedAmount ?? 0 });
        break;
    }
  }

  /** A candidate that can not be used is one less. */
  async #add(candidate: string): Promise<void> {
    await this.#pc.addIceCandidate({ candidate, sdpMid: "0" }).catch(() => undefined);
  }

  /** Watches the path while there is one. */
  #look(): void {
    void this.#measure();
    const ice = this.#pc.sctp?.transport.iceTransport;
    if (ice) ice.onselectedcandidatepairchange = () => void this.#measure();
    this.#watch ??= setInterval(() => void this.#measure(), 5000);
  }

  async #measure(): Promise<void> {
    this.#tell({ event: "pair", pair: pairOf(await this.#pc.getStats()) });
  }

  close(): void {
    clearInterval(this.#watch);
    this.#pc.close();
  }
}

/** The selected pair in the browser's statistics. */
function pairOf(stats: RTCStatsReport): Pair | null {
  const all = new Map<string, Record<string, unknown>>();
  stats.forEach((s: Record<string, unknown> & { id: string }) => all.set(s.id, s));
  const list = [...all.values()];
  const transport = list.find((s) => s["type"] === "transport" && s["selectedCandidatePairId"]);
  const pair = transport
    ? all.get(String(transport["selectedCandidatePairId"]))
    : list.find((s) => s["type"] === "candidate-pair" && s["nominated"] === true && s["state"] === "succeeded");
  if (!pair) return null;
  const side = (id: unknown): Side => {
    const c = all.get(String(id)) ?? {};
    const text = (name: string): string => (typeof c[name] === "string" ? (c[name] as string) : "");
    return { kind: text("candidateType"), address: text("address"), port: Number(c["port"] ?? 0), url: text("url"), relay: text("relayProtocol") };
  };
  return { rtt: Number(pair["currentRoundTripTime"] ?? 0), local: side(pair["localCandidateId"]), remote: side(pair["remoteCandidateId"]) };
}
