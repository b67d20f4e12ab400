package web

import (
	"net/http"
	"strings"
)

// policy is the Content-Security-Policy of every answer. HOST is where the page
// came from: not every browser takes 'self' for its WebSocket too.
//
// The page runs scripts of its own and WebAssembly; its styles, pictures, fonts and
// sounds are its own, or made by itself (blob:, data:). It talks to this server
// only. Nothing may put it into a frame, and no text becomes code: what could is
// behind Trusted Types, in one policy.
var policy = strings.Join([]string{
	"default-src 'none'",
	"script-src 'self' 'wasm-unsafe-eval'",
	"style-src 'self'",
	"img-src 'self' blob: data:",
	"connect-src 'self' wss://HOST blob:",
	"worker-src 'self'",
	"manifest-src 'self'",
	"font-src 'self'",
	"media-src 'self' blob:",
	"form-action 'none'",
	"frame-ancestors 'none'",
	"base-uri 'none'",
	"require-trusted-types-for 'script'",
	"trusted-types godwit",
}, "; ")

// permissions is the Permissions-Policy: what the page has no use for it can not
// ask for, even if something got into it.
const permissions = "accelerometer=(), ambient-light-sensor=(), autoplay=(self), bluetooth=(), browsing-topics=(), camera=(), display-capture=(), " +
	"encrypted-media=(), fullscreen=(self), geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), microphone=(), midi=(), " +
	"payment=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()"

// strict is how long browsers remember to insist on HTTPS: a year.
const strict = "max-age=31536000"

// protect sets what every answer has.
func (h *handler) protect(header http.Header, host string) {
	header.Set("Content-Security-Policy", strings.ReplaceAll(policy, "HOST", host))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", permissions)
	if h.cfg.Strict {
		header.Set("Strict-Transport-Security", strict)
	}
}
