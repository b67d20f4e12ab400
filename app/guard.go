package app

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"godwit/admin"
	"godwit/jid"
	"godwit/sasl"
	"godwit/stream"
)

// guard limits how often passwords may be guessed, and writes down who tried. Safe for concurrent use.
type guard struct {
	*stream.AuthLimiter
	log                    *slog.Logger
	wrong, limited, others atomic.Int64
}

// newGuard makes a guard that allows so many failures at once from one address and for one account; 0 is the default of package stream.
func newGuard(perAddress, perAccount int, log *slog.Logger) *guard {
	g := &guard{log: log}
	g.AuthLimiter = stream.NewAuthLimiter(
		stream.Rate{Burst: perAddress, Every: stream.DefaultAddressRate.Every},
		stream.Rate{Burst: perAccount, Every: stream.DefaultAccountRate.Every}, time.Now)
	g.Failed = g.failed
	return g
}

// failed counts and logs one attempt. The account is what the client claims; it need not exist.
func (g *guard) failed(remote netip.Addr, account jid.JID, mechanism sasl.Mechanism, err error) {
	log := g.log.With("address", remote.Unmap().String(), "account", account.String(), "mechanism", string(mechanism))
	var refused *sasl.Error
	errors.As(err, &refused)
	switch {
	case errors.Is(err, sasl.ErrBindingType):
		log.Debug("a client tried a channel binding that is not offered") // it goes on with another mechanism
	case errors.Is(err, stream.ErrTooOften):
		g.limited.Add(1)
		log.Info("sign-in refused: too many failures lately")
	case refused != nil && refused.Condition == sasl.NotAuthorized:
		g.wrong.Add(1)
		log.Info("sign-in failed", "cause", err)
	case refused != nil && refused.Condition == sasl.TemporaryAuthFailure:
		g.others.Add(1)
		log.Error("a sign-in could not be checked", "error", err)
	default:
		g.others.Add(1)
		log.Info("sign-in failed", "cause", err)
	}
}

// totals are for the metrics.
func (g *guard) totals() admin.SignInFailures {
	return admin.SignInFailures{Wrong: g.wrong.Load(), Limited: g.limited.Load(), Others: g.others.Load()}
}
