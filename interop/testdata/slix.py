"""slixmpp as a process of JSON lines: one command a line in, one event a line out.

    slix.py JID PASSWORD HOST PORT CA [direct] [sm]

in   {"do":"roster"} {"do":"add","jid":J} {"do":"remove","jid":J} {"do":"disco","jid":J} {"do":"carbons"}
     {"do":"message","to":J,"body":B,"id":I} {"do":"presence","to":J,"type":T,"show":S,"status":S,"priority":N}
     {"do":"history","with":J,"max":N} {"do":"ping","jid":J} {"do":"version","jid":J} {"do":"cut"} {"do":"again"} {"do":"quit"}
out  {"event":"done","do":…} {"event":"refused","do":…,"condition":…} after every command but cut, again and quit
     online, resumed, failed, message, carbon, presence, roster, history, features, acked
"""
import asyncio
import json
import sys

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def text_of(message):
    return {"from": str(message["from"]), "to": str(message["to"]), "id": message["id"], "type": message["type"],
            "body": message["body"], "delayed": bool(message["delay"]["stamp"]),
            "stanza_id": message["stanza_id"]["id"] if message.get_plugin("stanza_id", check=True) else ""}


class Slix(ClientXMPP):
    def __init__(self, jid, password, ca, manage):
        super().__init__(jid, password)
        self.ca_certs = ca
        self.auto_reconnect = False
        self.auto_authorize = None
        self.auto_subscribe = False
        for plugin in ("xep_0030", "xep_0092", "xep_0184", "xep_0199", "xep_0203", "xep_0280", "xep_0313", "xep_0359"):
            self.register_plugin(plugin)
        if manage:
            self.register_plugin("xep_0198", {"window": 1})
        on = self.add_event_handler
        on("session_start", self.started)
        on("session_resumed", lambda _: tell("resumed"))
        on("stanza_acked", lambda s: tell("acked", id=s["id"]))
        on("failed_all_auth", lambda _: tell("failed", why="authentication"))
        on("ssl_invalid_chain", lambda e: tell("failed", why="certificate"))
        on("disconnected", lambda _: tell("disconnected"))
        on("message", self.received)
        on("carbon_sent", lambda m: tell("carbon", direction="sent", **text_of(m["carbon_sent"])))
        on("carbon_received", lambda m: tell("carbon", direction="received", **text_of(m["carbon_received"])))
        on("roster_update", lambda iq: iq["type"] == "set" and self.listed("push", iq))
        on("presence", self.seen)

    async def started(self, _):
        await self.get_roster()
        self.send_presence()
        tell("online", jid=str(self.boundjid), tls=self.transport.get_extra_info("ssl_object").version())

    def received(self, message):
        if message["carbon_sent"] is None and message["carbon_received"] is None or message["body"]:
            tell("message", **text_of(message))

    def seen(self, presence):
        tell("presence", **{"from": str(presence["from"])}, type=presence["type"], status=presence["status"],
             priority=presence["priority"])

    def listed(self, event, iq):
        tell(event, items=[{"jid": str(jid), "subscription": item["subscription"], "name": item["name"]}
                           for jid, item in iq["roster"]["items"].items()])

    async def command(self, c):
        do = c["do"]
        to = c.get("jid")
        if do == "roster":
            iq = self.make_iq_get()
            iq.enable("roster")
            self.listed("roster", await iq.send(timeout=20))
        elif do == "add":
            await self.put(to, c.get("name", ""))
        elif do == "remove":
            await self.put(to, None)
        elif do == "message":
            message = self.make_message(mto=c["to"], mbody=c["body"], mtype=c.get("type", "chat"))
            message["id"] = c.get("id", "")
            message.send()
        elif do == "presence":
            self.send_presence(pto=c.get("to"), ptype=c.get("type"), pshow=c.get("show"), pstatus=c.get("status"),
                               ppriority=c.get("priority"))
        elif do == "carbons":
            await self["xep_0280"].enable(timeout=20)
        elif do == "history":
            iq = await self["xep_0313"].retrieve(with_jid=c.get("with"), rsm={"max": c.get("max", 50)}, timeout=20)
            tell("history", complete=iq["mam_fin"].xml.get("complete") == "true", messages=[
                {**text_of(m["mam_result"]["forwarded"]["stanza"]), "archive_id": m["mam_result"]["id"],
                 "stamp": m["mam_result"]["forwarded"]["delay"]["stamp"].isoformat()} for m in iq["mam"]["results"]])
        elif do == "disco":
            info = await self["xep_0030"].get_info(jid=to, timeout=20)
            tell("features", jid=to, features=sorted(info["disco_info"]["features"]))
        elif do == "ping":
            await self["xep_0199"].send_ping(to, timeout=20)
        elif do == "version":
            iq = await self["xep_0092"].get_version(to, timeout=20)
            tell("version", name=iq["software_version"]["name"])
        else:
            raise ValueError("unknown command " + do)

    async def put(self, jid, name):
        iq = self.make_iq_set()
        iq["roster"]["items"] = {jid: {"subscription": "remove"} if name is None else {"name": name, "groups": []}}
        await iq.send(timeout=20)


async def main():
    jid, password, host, port, ca, *options = sys.argv[1:]
    slix = Slix(jid, password, ca, "sm" in options)
    connect = lambda: slix.connect((host, int(port)), use_ssl="direct" in options)
    connect()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        c = json.loads(line)
        if c["do"] == "quit":
            break
        if c["do"] == "cut":
            slix.transport.abort()
        elif c["do"] == "again":
            connect()
        else:
            try:
                await slix.command(c)
                tell("done", do=c["do"])
            except IqError as e:
                tell("refused", do=c["do"], condition=e.condition)
            except IqTimeout:
                tell("refused", do=c["do"], condition="no answer")
    await slix.disconnect()


asyncio.run(main())
