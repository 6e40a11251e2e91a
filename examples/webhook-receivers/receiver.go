// Receives webhooks in Go, with nothing but the standard library:
//
//	WEBHOOK_SECRET=whsec_… PORT=9000 go run receiver.go
//
// The secret is what `POST /v1/webhook-endpoints` answered once. Each event comes at least once, so remember the ids
// that you have handled; answer 2xx within seconds, and do slow work afterwards.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How old or how far ahead a message may be, as Standard Webhooks recommends.
const tolerance = 5 * time.Minute

// verify checks a message as https://www.standardwebhooks.com says: HMAC-SHA256 over id, time and body. The header
// carries one signature for each secret while a secret is being replaced; any one of them is enough.
func verify(secret []byte, header http.Header, body []byte, now time.Time) error {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return errors.New("the headers are missing")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return errors.New("the message is too old or from the future")
	}
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	for _, signature := range strings.Fields(header.Get("webhook-signature")) {
		version, text, _ := strings.Cut(signature, ",")
		sent, err := base64.StdEncoding.DecodeString(text)
		if version == "v1" && err == nil && hmac.Equal(sent, mac.Sum(nil)) {
			return nil
		}
	}
	return errors.New("no signature is valid")
}

func main() {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("WEBHOOK_SECRET"), "whsec_"))
	if err != nil || len(secret) == 0 {
		fmt.Fprintln(os.Stderr, "WEBHOOK_SECRET is no secret")
		os.Exit(2)
	}
	var handled sync.Map // A database in earnest: in the transaction of what the event changes.
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	err = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err == nil {
			err = verify(secret, r.Header, body, time.Now())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var event struct{ Type string }
		if err := json.Unmarshal(body, &event); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		id := r.Header.Get("webhook-id")
		if _, known := handled.LoadOrStore(id, true); !known {
			fmt.Println(event.Type, id)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
