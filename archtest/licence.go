package archtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// licenceOf tells a licence by the words that only it has; "" if by none.
func licenceOf(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, known := range []struct{ phrase, name string }{ // the Mozilla licence names the GNU ones, so it comes first
		{"mozilla public license version 2.0", "MPL-2.0"},
		{"mozilla public license, version 2.0", "MPL-2.0"},
		{"gnu affero general public license", "AGPL"},
		{"gnu lesser general public license", "LGPL"},
		{"gnu general public license", "GPL"},
		{"apache license version 2.0", "Apache-2.0"},
		{"apache license, version 2.0", "Apache-2.0"},
		{"permission is hereby granted, free of charge, to any person obtaining a copy", "MIT"},
		{"permission to use, copy, modify, and/or distribute this software for any purpose", "ISC"},
		{"permission to use, copy, modify, and distribute this software for any purpose", "ISC"},
		{"redistribution and use in source and binary forms, with or without modification", "BSD"},
	} {
		if strings.Contains(text, known.phrase) {
			return known.name
		}
	}
	return ""
}

// licenceIn reads the licence of the module in dir.
func licenceIn(dir string) string {
	for _, pattern := range []string{"LICENSE", "LICENSE.*", "LICENCE*", "COPYING*"} {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil {
				if licence := licenceOf(string(text)); licence != "" {
					return licence
				}
			}
		}
	}
	return ""
}

// checkLicence judges one module by its licence.
func checkLicence(d dependency, licence string) []violation {
	const why = "Godwit is Apache-2.0, and stays free to be linked and sold: no licence that claims the whole program"
	allowed, use := licencesTested, "is used in tests"
	if d.linked {
		allowed, use = licencesLinked, "is linked into the program"
	}
	if slices.Contains(allowed, licence) {
		return nil
	}
	if licence == "" {
		licence = "nothing that archtest knows"
	}
	return []violation{{d.path + " " + use + " and its licence is " + licence, why}}
}
