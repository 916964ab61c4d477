// Command foreign checks what Itonami made with the log code of Go's checksum database, and makes notes for Itonami to
// open. It reads one JSON request from standard input and answers each of its items, "" where all is well.
package main

import (
	"crypto/rand"
	"encoding/json"
	"log"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type request struct {
	Open   []struct{ Key, Note string }  // answered by the text
	Sign   []struct{ Name, Text string } // answered by a new key and the note
	Record []struct {
		Proof       [][]byte
		Size, Index int64
		Root, Leaf  []byte
	}
	Tree []struct {
		Proof         [][]byte
		Size, Old     int64
		Root, OldRoot []byte
	}
	Data [][]byte // answered by leaf hashes
}

type answer struct {
	Open, Sign, Record, Tree []map[string]string
	Data                     [][]byte
}

func hash(data []byte) (h tlog.Hash) {
	if len(data) != tlog.HashSize {
		log.Fatalf("a hash has %d bytes", len(data))
	}
	copy(h[:], data)
	return
}

func hashes(list [][]byte) (proof []tlog.Hash) {
	for _, data := range list {
		proof = append(proof, hash(data))
	}
	return
}

func verdict(err error) map[string]string {
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	return map[string]string{}
}

func open(key, text string) map[string]string {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return verdict(err)
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return verdict(err)
	}
	return map[string]string{"text": opened.Text}
}

func sign(name, text string) map[string]string {
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return verdict(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return verdict(err)
	}
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return verdict(err)
	}
	return map[string]string{"private": private, "public": public, "note": string(signed)}
}

func main() {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		log.Fatal(err)
	}
	var said answer
	for _, item := range asked.Open {
		said.Open = append(said.Open, open(item.Key, item.Note))
	}
	for _, item := range asked.Sign {
		said.Sign = append(said.Sign, sign(item.Name, item.Text))
	}
	for _, item := range asked.Record {
		err := tlog.CheckRecord(hashes(item.Proof), item.Size, hash(item.Root), item.Index, hash(item.Leaf))
		said.Record = append(said.Record, verdict(err))
	}
	for _, item := range asked.Tree {
		err := tlog.CheckTree(hashes(item.Proof), item.Size, hash(item.Root), item.Old, hash(item.OldRoot))
		said.Tree = append(said.Tree, verdict(err))
	}
	for _, data := range asked.Data {
		leaf := tlog.RecordHash(data)
		said.Data = append(said.Data, leaf[:])
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		log.Fatal(err)
	}
}
