# What the other files lack, from the same versions of R and metafor. Run in this folder: Rscript more.R
# Datasets: R package metadat (GPL >= 2); "made" data are made up here.

suppressMessages(library(metafor))
tight <- list(threshold = 1e-14, maxiter = 20000, tol = 1e-14)

# JSON with 17 significant digits

text <- function(x, pad = "") {
  if (is.null(x)) return("null")
  if (is.list(x)) {
    inner <- paste0(pad, " ")
    if (is.null(names(x))) {
      items <- vapply(x, text, "", pad = inner)
      return(paste0("[\n", paste0(inner, items, collapse = ",\n"), "\n", pad, "]"))
    }
    items <- paste0('"', names(x), '": ', vapply(x, text, "", pad = inner))
    return(paste0("{\n", paste0(inner, items, collapse = ",\n"), "\n", pad, "}"))
  }
  one <- function(v) {
    if (is.na(v)) return("null")
    if (is.character(v)) return(paste0('"', gsub('"', '\\\\"', v), '"'))
    if (is.logical(v)) return(if (v) "true" else "false")
    sprintf("%.17g", v)
  }
  x <- unname(as.vector(x))
  if (inherits(x, "AsIs") || length(x) != 1) paste0("[", paste(vapply(x, one, ""), collapse = ", "), "]") else one(x)
}
many <- function(x) if (length(x) == 1) list(x) else as.vector(x) # a vector stays one

fit <- function(r) list(
  b = many(r$beta), se = many(r$se), stat = many(r$zval), pval = many(r$pval), ci_lb = many(r$ci.lb), ci_ub = many(r$ci.ub),
  tau2 = r$tau2, se_tau2 = r$se.tau2, I2_percent = r$I2, H2 = r$H2, QE = r$QE, QE_pval = r$QEp, QM = r$QM, QM_pval = r$QMp,
  R2_percent = r$R2, logLik = as.numeric(logLik(r)))
data_of <- function(d) list(yi = as.vector(d$yi), vi = as.vector(d$vi))

bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
stroke <- escalc(measure = "SMD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i, data = dat.normand1999)
dental <- subset(dat.berkey1998, outcome == "PD")
writing <- dat.bangertdrowns2004
out <- list(versions = list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                            metadat = as.character(packageVersion("metadat"))))

# Trim and fill by REML with the stop rule told to every fit: trimfill() hands `...` on to rma()

calls <- list(
  bcg = c(
    RR = 'escalc(measure="RR", ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg)',
    OR = 'escalc(measure="OR", ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg)',
    RD = 'escalc(measure="RD", ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg)',
    RR_first3 = 'escalc(measure="RR", ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg)[1:3,]'),
  bangertdrowns2004 = c(SMD = "dat.bangertdrowns2004"),
  berkey1998 = c(PD = 'subset(dat.berkey1998, outcome=="PD")', AL = 'subset(dat.berkey1998, outcome=="AL")',
                 PD_first4 = 'subset(dat.berkey1998, outcome=="PD")[1:4,]'),
  hahn2001 = c(
    OR = 'escalc(measure="OR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.hahn2001)',
    RR = 'escalc(measure="RR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.hahn2001)'),
  konstantopoulos2011 = c(SMD = "dat.konstantopoulos2011"),
  molloy2014 = c(ZCOR = 'escalc(measure="ZCOR", ri=ri, ni=ni, data=dat.molloy2014)',
                 COR = 'escalc(measure="COR", ri=ri, ni=ni, data=dat.molloy2014)'),
  nielweise2007 = c(
    OR = 'escalc(measure="OR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.nielweise2007)',
    RR = 'escalc(measure="RR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.nielweise2007)',
    OR_add_all = 'escalc(measure="OR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.nielweise2007, to="all")',
    PETO = 'escalc(measure="PETO", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.nielweise2007)',
    RD = 'escalc(measure="RD", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.nielweise2007)'),
  normand1999 = sapply(c(SMD = '"SMD"', SMD_UB = '"SMD", vtype="UB"', SMD_LS2 = '"SMD", vtype="LS2"', SMDH = '"SMDH"',
                         MD = '"MD"', MD_HO = '"MD", vtype="HO"', ROM = '"ROM"'), function(what) paste0(
    "escalc(measure=", what, ", m1i=m1i, sd1i=sd1i, n1i=n1i, m2i=m2i, sd2i=sd2i, n2i=n2i, data=dat.normand1999)")),
  pritz1997 = sapply(c(PLO = "PLO", PFT = "PFT", PAS = "PAS", PR = "PR", PLN = "PLN"), function(what) paste0(
    'escalc(measure="', what, '", xi=xi, ni=ni, data=dat.pritz1997)')))

filled <- list()
for (name in names(calls)) for (id in names(calls[[name]])) for (estimator in c("L0", "R0", "Q0")) {
  d <- eval(parse(text = calls[[name]][[id]]))
  attempt <- function(expression) tryCatch(suppressWarnings(expression), error = function(e) NULL)
  start <- attempt(rma(yi, vi, data = d, method = "REML", control = tight))
  for (threshold in c(1e-11, 1e-10)) { # the finest at which Fisher scoring still settles
    if (is.null(start)) start <- attempt(rma(yi, vi, data = d, method = "REML", control = list(threshold = threshold, maxiter = 20000)))
  }
  loose <- attempt(trimfill(start, estimator = estimator))
  close <- NULL
  for (threshold in c(1e-14, 1e-12, 1e-11)) if (is.null(close))
    close <- attempt(trimfill(start, estimator = estimator, control = list(threshold = threshold, maxiter = 20000)))
  if (is.null(loose)) next
  if (is.null(close)) stop(name, id, estimator)
  rows <- close$fill
  far <- function(a, b) any(abs(a - b) > 2e-7 * abs(b))
  if (far(loose$beta, close$beta) || far(loose$se, close$se) || far(loose$tau2, close$tau2) || far(loose$ci.lb, close$ci.lb) ||
      far(loose$ci.ub, close$ci.ub) || far(loose$yi[rows], close$yi[rows]))
    filled[[paste(name, id, estimator)]] <- list(
      dataset = name, id = id, estimator = estimator, k0 = close$k0, se_k0 = close$se.k0, side = close$side,
      b = as.vector(close$beta), se = close$se, ci_lb = close$ci.lb, ci_ub = close$ci.ub, tau2 = close$tau2,
      I2_percent = close$I2, filled_yi = many(as.vector(close$yi)[rows]), filled_vi = many(as.vector(close$vi)[rows]))
}
out$trimfill_tight <- unname(filled)

# Influence: DFBETAS, and the t tests

influences <- list()
for (name in c("bcg", "stroke", "dental")) for (how in c("REML_z", "REML_knha", "DL_knha", "DL_adhoc", "EE_z")) {
  d <- get(name)
  part <- strsplit(how, "_")[[1]]
  i <- influence(rma(yi, vi, data = d, method = part[1], test = part[2], control = list(threshold = 1e-13, maxiter = 20000)))
  influences[[length(influences) + 1]] <- list(
    data = data_of(d), name = name, method = part[1], test = part[2], rstudent = i$inf$rstudent, dffits = i$inf$dffits,
    cook_d = i$inf$cook.d, cov_r = i$inf$cov.r, tau2_del = i$inf$tau2.del, q_del = i$inf$QE.del, hat = i$inf$hat,
    weight = i$inf$weight, dfbetas = i$dfbs[[1]], influential = i$is.infl)
}
out$influence <- influences

# Permutation tests with every order tried

permutations <- list()
permuted <- function(d, mods, method, test) {
  r <- rma(d$yi, d$vi, mods = as.matrix(mods), method = method, test = test, control = list(threshold = 1e-12, maxiter = 20000))
  p <- permutest(r, exact = TRUE, progbar = FALSE, control = list(comptol = 1e-9))
  list(data = data_of(d), moderators = as.list(mods), method = method, test = test, pval = p$pval, QM_pval = p$QMp)
}
permutations[[1]] <- permuted(dental, data.frame(year = dental$year), "DL", "z")
permutations[[2]] <- permuted(dental, data.frame(year = dental$year), "REML", "knha")
permutations[[3]] <- permuted(bcg[1:6, ], data.frame(ablat = bcg$ablat[1:6]), "DL", "knha")
permutations[[4]] <- permuted(bcg[1:6, ], data.frame(ablat = bcg$ablat[1:6], year = bcg$year[1:6]), "DL", "z")
permutations[[5]] <- permuted(bcg[c(1, 4, 7, 9, 12, 13), ], data.frame(late = c(0, 0, 1, 0, 1, 1)), "PM", "adhoc")
out$permutation <- permutations

# Effect sizes

change <- data.frame(m_post = c(36.1, 25.4, 0.7, 57.5, 35.4, 12), m_pre = c(30.6, 23.5, 0.5, 53.4, 35.6, 15),
                     sd_pre = c(15, 3.1, 0.1, 14.5, 4.7, 4), sd_post = c(14.2, 2.8, 0.2, 15.5, 5.1, 3),
                     n = c(20, 50, 9, 10, 14, 3), r = c(0.47, 0.64, 0.77, 0.89, 0.44, -0.2)) # made
effects <- list()
for (measure in c("SMCC", "SMCR")) {
  e <- escalc(measure = measure, m1i = m_post, m2i = m_pre, sd1i = sd_pre, sd2i = sd_post, ni = n, ri = r, data = change)
  columns <- as.list(change)
  if (measure == "SMCR") columns$sd_post <- NULL
  effects[[measure]] <- list(measure = measure, columns = columns, yi = as.vector(e$yi), vi = as.vector(e$vi))
}
# SMCC divides by the SD of the change, in which the two SDs and r go symmetrically; SMCR by the first SD given
rates <- data.frame(events1 = c(9, 0, 20, 4, 0), time1 = c(413, 263, 1730, 100, 88), events2 = c(19, 2, 31, 0, 0),
                    time2 = c(398, 252, 1711, 105, 90)) # made
e <- escalc(measure = "IRR", x1i = events1, t1i = time1, x2i = events2, t2i = time2, data = rates)
effects$IRR <- list(measure = "IRR", columns = as.list(rates), yi = as.vector(e$yi), vi = as.vector(e$vi))
out$effects <- unname(effects)

# Groups, each with its own tau2, and the test between them

groups <- lapply(sort(unique(bcg$alloc)), function(g)
  c(list(group = g), fit(rma(yi, vi, data = bcg, subset = alloc == g, method = "REML", test = "z", control = tight))))
between <- rma(sapply(groups, function(g) g$b[[1]]), sei = sapply(groups, function(g) g$se[[1]]), method = "FE")
out$subgroups <- list(data = c(data_of(bcg), list(by = bcg$alloc)), groups = groups, QB = between$QE, QB_df = between$k - 1, QB_pval = between$QEp)

# PET and PEESE by lm

out$pet_peese <- lapply(c("bcg", "stroke", "writing"), function(name) {
  d <- get(name)
  one <- function(x) {
    r <- lm(yi ~ x, weights = 1 / vi, data = data.frame(yi = as.vector(d$yi), vi = as.vector(d$vi), x = x))
    bounds <- confint(r)
    s <- coef(summary(r))
    list(limit = s[1, 1], limit_low = bounds[1, 1], limit_high = bounds[1, 2], limit_p = s[1, 4], slope = s[2, 1],
         slope_se = s[2, 2], statistic = s[2, 3], p = s[2, 4])
  }
  list(data = data_of(d), name = name, pet = one(sqrt(as.vector(d$vi))), peese = one(as.vector(d$vi))[-4])
})

# A mean at values of the moderators, best linear predictions, other levels

where <- rma(yi, vi, mods = ~ ablat + year, data = bcg, method = "REML", test = "knha", control = tight)
out$predict <- list(data = data_of(bcg), ablat = bcg$ablat, year = bcg$year, at = lapply(
  list(c(10, 1950), c(33.5, 1968), c(55, 1975)), function(x) {
    p <- predict(where, newmods = x)
    list(values = x, pred = p$pred, ci_lb = p$ci.lb, ci_ub = p$ci.ub, pi_lb = p$pi.lb, pi_ub = p$pi.ub)
  }))
out$blup <- lapply(c("z", "knha"), function(test) {
  b <- blup(rma(yi, vi, data = bcg, method = "REML", test = test, control = tight))
  list(data = data_of(bcg), test = test, pred = b$pred, se = b$se)
})
narrow <- rma(yi, vi, data = bcg, method = "REML", test = "knha", level = 80, control = tight)
interval <- confint(narrow, level = 80, control = list(tol = 1e-13))$random
out$level80 <- list(data = data_of(bcg), ci_lb = narrow$ci.lb, ci_ub = narrow$ci.ub, pi_lb = predict(narrow)$pi.lb,
                    pi_ub = predict(narrow)$pi.ub, tau2_lb = interval[1, 2], tau2_ub = interval[1, 3])

# The estimators and tests that the files have for one mean only

out$regression <- list()
for (method in c("HE", "HS", "SJ", "PM", "EB", "REML", "DL")) for (test in if (method %in% c("REML", "DL")) "adhoc" else c("z", "knha"))
  out$regression[[length(out$regression) + 1]] <- c(list(method = method, test = test), fit(
    rma(yi, vi, mods = ~ ablat, data = bcg, method = method, test = test, control = tight)))
out$regression_data <- c(data_of(bcg), list(ablat = bcg$ablat))
out$regression_without_intercept <- c(list(alloc = bcg$alloc), fit(
  rma(yi, vi, mods = ~ 0 + alloc, data = bcg, method = "REML", test = "knha", control = tight)))
# A slope through 0: here metafor differs from its own definition of QE, see test_known_differences.py
through0 <- rma(yi, vi, mods = ~ 0 + ablat, data = bcg, method = "EE")
out$slope_through_0 <- list(b = as.vector(through0$beta), se = through0$se, QE = through0$QE,
                            QE_by_definition = sum((bcg$yi - bcg$ablat * as.vector(through0$beta))^2 / bcg$vi))

# Clusters: the t test, a second data set, robust errors of a regression

settled <- list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-15, maxit = 10000)
nested <- function(d, method, test) {
  r <- rma.mv(yi, vi, random = ~ 1 | outer / inner, data = d, method = method, test = test, control = settled)
  list(method = method, test = test, sigma2 = r$sigma2, b = as.vector(r$beta), se = r$se, stat = r$zval, pval = r$pval,
       ci_lb = r$ci.lb, ci_ub = r$ci.ub, logLik = as.numeric(logLik(r)), pi_lb = predict(r)$pi.lb, pi_ub = predict(r)$pi.ub)
}
schools <- data.frame(yi = dat.konstantopoulos2011$yi, vi = dat.konstantopoulos2011$vi, outer = dat.konstantopoulos2011$district,
                      inner = dat.konstantopoulos2011$school)
delinquency <- data.frame(yi = dat.assink2016$yi, vi = dat.assink2016$vi, outer = dat.assink2016$study, inner = dat.assink2016$esid)
out$multilevel <- lapply(list(schools = schools, delinquency = delinquency), function(d) list(
  yi = as.vector(d$yi), vi = as.vector(d$vi), cluster = d$outer,
  fits = list(nested(d, "REML", "t"), nested(d, "ML", "t"), nested(d, "REML", "z"))))
r <- rma(yi, vi, mods = ~ year, data = dat.konstantopoulos2011, method = "DL")
out$robust_regression <- lapply(c(CR0 = FALSE, CR1 = TRUE), function(adjust) {
  s <- robust(r, cluster = dat.konstantopoulos2011$district, adjust = adjust)
  list(b = as.vector(s$beta), se = s$se, dfs = s$dfs, pval = s$pval)
})
out$robust_data <- list(yi = as.vector(dat.konstantopoulos2011$yi), vi = as.vector(dat.konstantopoulos2011$vi),
                        year = dat.konstantopoulos2011$year, cluster = dat.konstantopoulos2011$district)

writeLines(text(out), "more.json")
