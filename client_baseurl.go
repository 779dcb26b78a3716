package hacarus

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parseBaseURL returns scheme, host and path prefix of a base URL. Its errors
// never repeat the URL, which may hold a password.
func parseBaseURL(baseURL string, insecureHTTP bool) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(baseURL))
	switch {
	case err != nil || !utf8.ValidString(baseURL):
		return nil, argumentError("New", "base URL does not parse")
	case u.User != nil:
		return nil, argumentError("New", "base URL holds user information; use WithCredentials")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, argumentError("New", "base URL must begin with https:// or http://")
	case !validHost(u.Hostname()) || u.Opaque != "":
		return nil, argumentError("New", "base URL has no valid host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(baseURL, "#"):
		return nil, argumentError("New", "base URL has a query or a fragment")
	case !validPort(u):
		return nil, argumentError("New", "base URL has no valid port")
	case u.Scheme == "http" && !insecureHTTP && !isLoopback(u.Hostname()):
		return nil, argumentError("New", "plain http to %s needs WithInsecureHTTP", u.Hostname())
	}
	path := strings.TrimRight(u.Path, "/")
	if strings.HasSuffix(path, "/api/v1") {
		return nil, argumentError("New", "base URL ends in /api/v1: leave out /v1, not all of the API is below it")
	}
	prefix := strings.TrimSuffix(path, "/api")
	if prefix = strings.TrimRight(prefix, "/"); !validPrefix(prefix) || u.RawPath != "" {
		return nil, argumentError("New", "base URL has an unclean path")
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: prefix}, nil
}

// validHost says whether a host is a name or an address.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		return r <= unicode.MaxASCII && !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != '-' && r != '_'
	})
}

func validPort(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	address, err := netip.ParseAddrPort("127.0.0.1:" + port)
	return err == nil && address.Port() != 0
}

// validPrefix says whether every segment of a path prefix stands for itself.
func validPrefix(prefix string) bool {
	if prefix == "" {
		return true
	}
	return !slices.ContainsFunc(strings.Split(prefix[1:], "/"), func(segment string) bool {
		return checkID("prefix", segment) != nil
	})
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
