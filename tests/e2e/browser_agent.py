"""Runs inside a namespace: headless Chromium, driven by selenium, on a page from localhost (a
secure context, which getUserMedia wants)."""

import http.server
import shutil
import tempfile
import threading

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from world import serve

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]

PAGE = b"""<!doctype html><title>call</title><video id=v autoplay muted playsinline></video>
<script>
'use strict'
// What Talk's admin page does to test a server, and it keeps every candidate and error it saw.
async function turnTest(urls, username, credential, ms) {
  const cands = [], errs = []
  const pc = new RTCPeerConnection({iceServers: [{urls, username, credential}],
                                    iceTransportPolicy: 'relay'})
  pc.createDataChannel('status')
  pc.onicecandidateerror = e => errs.push([e.errorCode, e.errorText])
  const how = new Promise(done => {
    setTimeout(() => done('timeout'), ms)
    pc.onicecandidate = e => e.candidate && e.candidate.candidate &&
      cands.push(e.candidate.candidate)
    pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done('complete')
  })
  await pc.setLocalDescription(await pc.createOffer({offerToReceiveAudio: 1}))
  const ended = await how
  pc.close()
  return {how: ended, cands, errs}
}

let pc, channel, heard = []
function listen(c) { channel = c; c.onmessage = e => heard.push(e.data) }

async function setup(ice, starts) {
  pc = new RTCPeerConnection({iceServers: ice, iceTransportPolicy: 'relay'})
  pc.ontrack = e => { document.getElementById('v').srcObject = e.streams[0] }
  if (starts) listen(pc.createDataChannel('chat'))
  else pc.ondatachannel = e => listen(e.channel)
  const media = await navigator.mediaDevices.getUserMedia({audio: true, video: true})
  for (const track of media.getTracks()) pc.addTrack(track, media)
  return true
}

function gathered() {
  return new Promise(done => {
    if (pc.iceGatheringState === 'complete') return done()
    pc.addEventListener('icegatheringstatechange',
                        () => pc.iceGatheringState === 'complete' && done())
  })
}

async function offer() {
  await pc.setLocalDescription(await pc.createOffer())
  await gathered()
  return pc.localDescription.sdp
}

async function answer(sdp) {
  await pc.setRemoteDescription({type: 'offer', sdp})
  await pc.setLocalDescription(await pc.createAnswer())
  await gathered()
  return pc.localDescription.sdp
}

async function accept(sdp) {
  await pc.setRemoteDescription({type: 'answer', sdp})
  return true
}

async function connected(ms) {
  const end = performance.now() + ms
  while (performance.now() < end) {
    if (pc.connectionState === 'connected' && channel && channel.readyState === 'open') return true
    await new Promise(r => setTimeout(r, 50))
  }
  return false
}

async function say(text) { channel.send(text); return true }

async function hear(ms) {
  const end = performance.now() + ms
  while (!heard.length && performance.now() < end) await new Promise(r => setTimeout(r, 20))
  return heard
}

async function stats() {
  const all = [...(await pc.getStats()).values()]
  const inbound = kind => all.find(s => s.type === 'inbound-rtp' && s.kind === kind) || {}
  const pair = all.find(s => s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded')
  const end = id => { const c = all.find(s => s.id === id); return c && c.candidateType }
  const video = inbound('video'), audio = inbound('audio')
  return {
    state: pc.connectionState, at: performance.now(),
    frames: video.framesDecoded || 0, videoLost: video.packetsLost,
    audioPackets: audio.packetsReceived || 0, audioLost: audio.packetsLost,
    local: pair && end(pair.localCandidateId), remote: pair && end(pair.remoteCandidateId),
  }
}

async function hangUp() { pc.close(); return true }
</script>"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


def browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        driver = browser(profile)
        try:
            driver.set_script_timeout(45)
            driver.get(f"http://localhost:{server.server_address[1]}/")
            serve({"js": lambda name, args: driver.execute_async_script(
                "const done = arguments[arguments.length - 1];"
                f"{name}(...arguments[0]).then(done, e => done('failed: ' + e))", args)})
        finally:
            driver.quit()


main()
