// Package dataform is the codec of Data Forms (XEP-0004, version 2.13.2) with
// the FORM_TYPE convention of XEP-0068.
//
// It may not hold the meaning of any field; packages that use forms know
// theirs.
package dataform
