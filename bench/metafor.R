# metafor, kept running for bench/pool.py. One word in, one line of JSON out: figures at tight control, or seconds a call.
suppressMessages(library(metafor))
folder <- commandArgs(trailingOnly = TRUE)[1]
sets <- split(read.csv(file.path(folder, "sets.csv")), ~set)
one <- sets[["one"]]
forty <- sets[["forty"]]
several <- sets[as.character(seq_len(length(sets) - 2) - 1)]   # the others are named 0, 1, ...

tight <- list(threshold = 1e-12, maxiter = 5000)   # the default threshold leaves tau2 off in the 6th decimal
fit <- function(set, ...) rma(set$yi, set$vi, method = "REML", test = "knha", ...)
numbers <- function(values) paste0("[", paste(ifelse(is.na(values), "null", sprintf("%.17g", values)), collapse = ","), "]")
figures <- function(set) tryCatch({
  found <- fit(set, control = tight)
  c(found$tau2, found$ci.lb, found$ci.ub)
}, error = function(e) rep(NA, 3))
rows <- function(lines) paste0("[", paste(apply(rbind(lines), 1, numbers), collapse = ","), "]")
seconds <- function(times, call) {
  call()
  begun <- Sys.time()
  for (i in seq_len(times)) call()
  as.numeric(Sys.time() - begun, units = "secs") / times
}

whole <- suppressWarnings(fit(forty))
asked <- file("stdin", "r")
while (length(word <- readLines(asked, 1))) {
  left <- function() leave1out(fit(forty, control = tight))
  answer <- suppressWarnings(switch(word,
    version = sprintf('"R %s.%s, metafor %s"', R.version$major, R.version$minor, packageVersion("metafor")),
    figures = rows(t(sapply(c(list(one), several), figures))),
    figures_left = { found <- left(); rows(cbind(found$tau2, found$ci.lb, found$ci.ub)) },
    pool = sprintf("%.9f", seconds(20, function() fit(one))),
    leave_one_out = sprintf("%.9f", seconds(2, function() leave1out(whole)))
  ))
  cat(answer, "\n", sep = "")
  flush(stdout())
}
