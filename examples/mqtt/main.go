// Command mqtt publishes the verdicts of a line to an MQTT 5 broker, each once it
// has come and none twice in a row: the broker confirms it before the next one.
//
//	hacarus line tail --data DIR --name mqtt -o jsonl | go run ./examples/mqtt -broker mqtt://127.0.0.1:1883
//
//	hacarus/STATION/verdict  {"seq":7,"id":"…","verdict":"OK",…}, a line as it is; QoS 1
//	hacarus/status           "online", or "offline" by the broker's own hand; retained
//
// A verdict expires after -stale at the broker, so that nobody takes an old OK for a
// new one, and it is not retained. Do nothing with OK while the status is offline.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

const statusTopic = "hacarus/status"

func main() {
	broker := flag.String("broker", "mqtt://127.0.0.1:1883", "`URL` of the broker; the password of its user is in MQTT_PASSWORD")
	stale := flag.Duration("stale", time.Minute, "`time` after which a verdict is worth nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdin, *broker, *stale)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, lines io.Reader, broker string, stale time.Duration) error {
	connection, err := connect(ctx, broker)
	if err != nil {
		return err
	}
	all := bufio.NewScanner(lines)
	all.Buffer(nil, 1<<20)
	for all.Scan() {
		if err := publish(ctx, connection, all.Bytes(), stale); err != nil {
			return err
		}
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = connection.Publish(closing, status("offline")) // or the broker does
	_ = connection.Disconnect(closing)
	return all.Err()
}

func connect(ctx context.Context, broker string) (*autopaho.ConnectionManager, error) {
	server, err := url.Parse(broker)
	if err != nil {
		return nil, err
	}
	config := autopaho.ClientConfig{
		ServerUrls: []*url.URL{server}, KeepAlive: 5,
		ReconnectBackoff: func(int) time.Duration { return time.Second },
		WillMessage:      &paho.WillMessage{Topic: statusTopic, Payload: []byte("offline"), QoS: 1, Retain: true},
		OnConnectionUp: func(connection *autopaho.ConnectionManager, _ *paho.Connack) {
			go func() { _, _ = connection.Publish(ctx, status("online")) }() // fails with the connection, and then there is another
		},
		OnConnectError: func(err error) { log.Print(err) },
	}
	if user := server.User.Username(); user != "" {
		config.ConnectUsername, config.ConnectPassword = user, []byte(os.Getenv("MQTT_PASSWORD"))
	}
	return autopaho.NewConnection(ctx, config)
}

func status(text string) *paho.Publish {
	return &paho.Publish{Topic: statusTopic, Payload: []byte(text), QoS: 1, Retain: true}
}

// publish publishes a line, and waits for the broker to confirm it, however often
// the connection has to be made.
func publish(ctx context.Context, connection *autopaho.ConnectionManager, line []byte, stale time.Duration) error {
	var verdict struct {
		Seq         uint64
		Station, ID string
	}
	if err := json.Unmarshal(line, &verdict); err != nil {
		return err
	}
	message := &paho.Publish{
		Topic:   "hacarus/" + strings.NewReplacer("/", "_", "+", "_", "#", "_").Replace(verdict.Station) + "/verdict",
		Payload: append([]byte(nil), line...), QoS: 1,
		Properties: &paho.PublishProperties{
			ContentType: "application/json", MessageExpiry: paho.Uint32(uint32(stale.Seconds())),
			User: paho.UserProperties{{Key: "seq", Value: strconv.FormatUint(verdict.Seq, 10)}, {Key: "id", Value: verdict.ID}},
		},
	}
	for {
		if err := connection.AwaitConnection(ctx); err != nil {
			return err
		}
		if _, err := connection.Publish(ctx, message); err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond) // the same one again: who must not act twice looks at seq
	}
}
