package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// service is where the job runs.
type service struct {
	client *hacarus.Client
	name   string // for the report
	close  func()
}

// connect returns the service that the environment names, or a stand-in of it
// in this process where the environment names none.
func connect(getenv func(string) string) (*service, error) {
	const baseURL, clientID, clientSecret = "HACARUS_BASE_URL", "HACARUS_CLIENT_ID", "HACARUS_CLIENT_SECRET"
	names := []string{baseURL, clientID, clientSecret}
	var missing []string
	for _, name := range names {
		if getenv(name) == "" {
			missing = append(missing, name)
		}
	}
	switch len(missing) {
	case 0:
	case len(names):
		return standIn(), nil
	default:
		return nil, fmt.Errorf("not set in the environment: %s (the real service needs all of %s)",
			strings.Join(missing, ", "), strings.Join(names, ", "))
	}
	client, err := hacarus.New(getenv(baseURL),
		hacarus.WithCredentials(getenv(clientID), getenv(clientSecret)),
		hacarus.WithUserAgent("hacarus-inspect-example"))
	if err != nil {
		return nil, err
	}
	return &service{client: client, name: getenv(baseURL), close: func() { _ = client.Close() }}, nil
}

func standIn() *service {
	server := hacarustest.NewServer()
	return &service{
		client: server.Client(),
		name:   "a stand-in of HACARUS CHECK in this process",
		close:  server.Close, // the client too
	}
}

// timeoutError is why a job that takes too long ends.
func timeoutError(limit time.Duration) error {
	return fmt.Errorf("not finished within %v (-timeout): %w", limit, context.DeadlineExceeded)
}

// explain is the error in one line, with what to do about it where that is known.
func explain(err error) string {
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	if hint := advice(err); hint != "" {
		return hint + " (" + text + ")"
	}
	return text
}

func advice(err error) string {
	var answer *hacarus.BaseError
	var network *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "" // whatever was under way, the end of time is the reason
	case errors.Is(err, hacarus.ErrLicense):
		return "the service has no valid license: install one with Client.SetLicense"
	case errors.As(err, &answer) && answer.Operation == "login" && answer.StatusCode < 500:
		return "the service refuses the credentials: check HACARUS_CLIENT_ID and HACARUS_CLIENT_SECRET"
	case errors.As(err, &network):
		return "the service cannot be reached: check HACARUS_BASE_URL and the network"
	}
	return ""
}
