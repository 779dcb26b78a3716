package localpage

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// Hosts are what requests may call a page by: addresses, localhost, and names. A page
// of somebody else whose name was made to lead here has another one, and could read
// ours. An address can be nobody else's.
type Hosts struct {
	names map[string]bool
	port  string // "" is any: a proxy may be in between
}

// HostsOf returns the hosts of a page that listens on a port.
func HostsOf(port string, names ...string) Hosts {
	h := Hosts{map[string]bool{"localhost": true}, port}
	for _, name := range names {
		h.names[strings.ToLower(name)] = true
	}
	return h
}

// OwnNames are the names that this computer has in its network.
func OwnNames() []string {
	own, err := os.Hostname()
	if err != nil {
		return nil
	}
	return []string{own, own + ".local"}
}

// Has says whether a page goes by the host of a request.
func (h Hosts) Has(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, "80"
	}
	if h.port != "" && port != h.port {
		return false
	}
	name = strings.TrimSuffix(strings.ToLower(strings.Trim(name, "[]")), ".")
	_, err = netip.ParseAddr(name)
	return err == nil || h.names[name]
}

// Guard refuses what does not come from the page itself, with a text for who has
// called it by another name, and says what browsers may do with it, as [Restrict] does.
func Guard(hosts Hosts, more, refusal string, next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Restrict(w.Header(), more)
		if !hosts.Has(r.Host) {
			http.Error(w, refusal, http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// IsToken says whether a token is the one that opens a page. How long that takes does
// not tell how much of it is right.
func IsToken(given, own string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(own))
	return own != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// IsLoopback says whether only this computer reaches an address to listen on.
func IsLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
