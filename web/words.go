package web

import (
	"net/http"
	"strings"
)

// lang is a language of the pages made here.
type lang int

// The languages.
const (
	english lang = iota
	chinese
)

// tag is the language as browsers name it (RFC 5646).
func (l lang) tag() string { return [...]string{"en", "zh-CN"}[l] }

// words is a text in English and in Chinese.
type words [2]string

func (w words) in(l lang) string { return w[l] }

// Chinese reports whether a page made by the server is to be in Chinese: by ?lang=, else
// as the browser prefers.
func Chinese(r *http.Request) bool { return langOf(r) == chinese }

// langOf is the language of an answer: the one asked for by ?lang=, else the
// first of the browser's that there is.
func langOf(r *http.Request) lang {
	for _, tag := range append([]string{r.URL.Query().Get("lang")}, strings.Split(r.Header.Get("Accept-Language"), ",")...) {
		tag, _, _ = strings.Cut(tag, ";")
		switch first, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-"); first {
		case "zh":
			return chinese
		case "en":
			return english
		}
	}
	return english
}
