package hacarus

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parseBaseURL returns the scheme, host and path prefix of a base URL. where
// names the function or option for errors, which never repeat the URL because
// it may hold a password.
func parseBaseURL(where, baseURL string, insecureHTTP bool) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(baseURL))
	switch {
	case err != nil || !utf8.ValidString(baseURL):
		return nil, argumentError(where, "base URL does not parse")
	case u.User != nil:
		return nil, argumentError(where, "base URL holds user information; use WithCredentials")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, argumentError(where, "base URL must begin with https:// or http://")
	case !validHost(u.Hostname()) || u.Opaque != "":
		return nil, argumentError(where, "base URL has no valid host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(baseURL, "#"):
		return nil, argumentError(where, "base URL has a query or a fragment")
	case !validPort(u):
		return nil, argumentError(where, "base URL has no valid port")
	case u.Scheme == "http" && !insecureHTTP && !isLoopback(u.Hostname()):
		return nil, argumentError(where, "plain http to %s needs WithInsecureHTTP", u.Hostname())
	}
	path := strings.TrimRight(u.Path, "/")
	if strings.HasSuffix(path, "/api/v1") {
		return nil, argumentError(where, "base URL ends in /api/v1: leave out /v1, not all of the API is below it")
	}
	if operation := operationIn(path); operation != "" {
		return nil, argumentError(where, "base URL has the path of an operation: leave out %s", operation)
	}
	prefix := strings.TrimSuffix(path, "/api")
	if prefix = strings.TrimRight(prefix, "/"); !validPrefix(prefix) || u.RawPath != "" {
		return nil, argumentError(where, "base URL has an unclean path")
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: prefix}, nil
}

// operationIn returns the part of a path behind the API's root, if the path is
// that of an operation that was copied from the documentation; otherwise "".
func operationIn(path string) string {
	for _, below := range []string{"/api/auth/", "/api/v1/"} {
		if i := strings.Index(path+"/", below); i >= 0 {
			return path[i:]
		}
	}
	return ""
}

// validHost reports whether a host is a name or an address.
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

// validPrefix reports whether every segment of a path prefix stands for itself.
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
