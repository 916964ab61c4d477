module foreign

go 1.24

require golang.org/x/mod v0.0.0

replace golang.org/x/mod => ../mod
