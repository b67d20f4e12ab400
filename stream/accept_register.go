package stream

import (
	"context"

	"godwit/stanza"
	"godwit/xep/pars"
	"godwit/xep/register"
	"godwit/xmlstream"
)

// register passes a request of in-band registration (XEP-0077, XEP-0445) on, and reports
// whether the element was one. It is not one where registration is not offered:
// the feature is absent without TLS, or nobody may register here.
func (a *acceptor) register(el *xmlstream.Element) (answered bool, err error) {
	if a.cfg.Register == nil || len(a.offer.Mechanisms) == 0 {
		return false, nil
	}
	st, err := stanza.FromElement(el)
	if err != nil || st.Type != stanza.Get && st.Type != stanza.Set || !st.To.IsZero() && st.To != a.now.to {
		return false, nil
	}
	if name, ok := st.Payload(); !ok || name.Space != register.NS && name.Space != pars.NS {
		return false, nil
	}
	if a.applicant == nil {
		a.applicant = &Applicant{Remote: a.l.RemoteAddr().Addr()}
	}
	reply := a.cfg.Register.Apply(context.WithoutCancel(a.ctx), a.applicant, st.WithTo(a.now.to))
	if err := a.l.Send(reply.Append(nil, a.l.InheritedNS())); err != nil {
		return false, linkError(err)
	}
	return true, nil
}
