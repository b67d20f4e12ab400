package app

import (
	"os"

	"godwit/nat/outlook"
)

// phrase is a text in English and in Chinese.
type phrase [2]string

func (p phrase) in(l outlook.Lang) string { return l.Of(p) }

// Marks that every language has.
var (
	commaMark = phrase{", ", "、"}
	colonMark = phrase{": ", "："}
)

// langFlag is the flag of commands that speak to people in more than one language.
type langFlag struct {
	Lang string `placeholder:"LANG" help:"Language of the words: en or zh-CN. Default: that of the environment."`
}

// lang is the language that was asked for, or that of the environment.
func (f langFlag) lang() (outlook.Lang, error) {
	if f.Lang != "" {
		lang, ok := outlook.ParseLang(f.Lang)
		if !ok {
			return lang, usagef("--lang %s: en or zh-CN", f.Lang)
		}
		return lang, nil
	}
	for _, v := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if tag := os.Getenv(v); tag != "" {
			return outlook.LangOf(tag), nil
		}
	}
	return outlook.English, nil
}
