package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/require"
)

// message is what a subscriber gets.
type message struct {
	topic, payload string
	retained       bool
	expiry         uint32
}

// newBroker returns a broker's address, and what is published at it.
func newBroker(t *testing.T) (addr string, messages <-chan message) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	broker := mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, broker.AddHook(new(auth.AllowHook), nil))
	require.NoError(t, broker.AddListener(listeners.NewNet("tcp", l)))
	go func() { _ = broker.Serve() }()
	t.Cleanup(func() { _ = broker.Close() })
	all := make(chan message, 100)
	require.NoError(t, broker.Subscribe("hacarus/#", 1, func(_ *mqtt.Client, _ packets.Subscription, p packets.Packet) {
		all <- message{p.TopicName, string(p.Payload), p.FixedHeader.Retain, p.Properties.MessageExpiryInterval}
	}))
	return l.Addr().String(), all
}

// next returns the next message that is no status, or that is one.
func next(t *testing.T, messages <-chan message, status bool) message {
	t.Helper()
	for deadline := time.After(time.Minute); ; {
		select {
		case m := <-messages:
			if (m.topic == statusTopic) == status {
				return m
			}
		case <-deadline:
			require.Fail(t, "no message")
		}
	}
}

// Verdicts come in order, expire, and are not retained; the status is.
func TestPublish(t *testing.T) {
	t.Parallel()
	addr, messages := newBroker(t)
	lines, line := io.Pipe()
	ended := make(chan error)
	go func() { ended <- run(t.Context(), lines, "mqtt://"+addr, time.Minute) }()
	require.Equal(t, "online", next(t, messages, true).payload)
	const n = 20
	go func() {
		for seq := range n {
			fmt.Fprintf(line, `{"seq":%d,"station":"cam/%d","id":"x","verdict":"OK"}`+"\n", seq, seq%2)
		}
		_ = line.Close()
	}()
	for seq := range n {
		m := next(t, messages, false)
		require.Equal(t, message{
			topic:   fmt.Sprintf("hacarus/cam_%d/verdict", seq%2),
			payload: fmt.Sprintf(`{"seq":%d,"station":"cam/%d","id":"x","verdict":"OK"}`, seq, seq%2), expiry: 60,
		}, m)
	}
	require.NoError(t, <-ended)
	require.Equal(t, "offline", next(t, messages, true).payload)
}
