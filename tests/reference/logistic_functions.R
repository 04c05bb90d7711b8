# What the scripts that make reference values for logistic regression share: fits at tight
# convergence, and the formulas that no R package offers written out. `sets` are the data by name.
control <- glm.control(epsilon = 1e-15, maxit = 200)
firth_control <- brglmControl(type = "AS_mean", epsilon = 1e-13, maxit = 2000)

# formula: as vpstats takes it; r: as R takes it, where they differ
case <- function(id, data, formula, r = formula, penalty = NULL, vcov = NULL, cluster = NULL,
                 weights = NULL, offset = NULL, intervals = "wald", level = 0.95)
  list(id = id, data = data, formula = formula, r = r, penalty = penalty, vcov = vcov,
       cluster = cluster, weights = weights, offset = offset, intervals = intervals, level = level)

complete <- function(k) {
  data <- sets[[k$data]]
  used <- c(all.vars(as.formula(k$r)), k$cluster, k$weights, k$offset)
  data[complete.cases(data[used]), ]
}
setup <- function(k) {
  data <- complete(k)
  n <- nrow(data)
  data$.w <- if (is.null(k$weights)) rep(1, n) else data[[k$weights]]
  data$.o <- if (is.null(k$offset)) rep(0, n) else data[[k$offset]]
  formula <- as.formula(k$r)
  method <- if (is.null(k$penalty)) "glm.fit" else "brglmFit"
  fit <- suppressWarnings(eval(bquote(glm(
    .(formula), family = binomial(), data = data, weights = .w, offset = .o,
    method = .(method), control = .(if (is.null(k$penalty)) control else firth_control)))))
  m <- list(fit = fit, data = data, X = model.matrix(fit), y = fit$y, w = data$.w, o = data$.o)
  m$b <- coef(fit); m$V <- vcov(fit); m$scores <- NULL
  if (identical(k$penalty, "flic")) flic(m) else if (identical(k$penalty, "flac")) flac(m) else m
}
# Puhr et al. (2017): Firth's slopes, the intercept by maximum likelihood given them
flic <- function(m) {
  slopes <- m$b[-1]
  lp <- drop(m$X[, -1, drop = FALSE] %*% slopes) + m$o
  frame <- data.frame(y = m$y, lp = lp, w = m$w)
  b <- c(coef(suppressWarnings(glm(y ~ 1, binomial, frame, offset = lp, weights = w,
                                   control = control))), slopes)
  names(b) <- colnames(m$X)
  # p modified scores of Firth's estimate and the plain score of the intercept, as one system in
  # (Firth's intercept, slopes, new intercept)
  p <- length(b); A <- matrix(0, p + 1, p + 1)
  A[1:p, 1:p] <- info(m$b, m)
  A[p + 1, 2:p] <- info(b, m)[1, -1]; A[p + 1, p + 1] <- info(b, m)[1, 1]
  risk <- plogis(drop(m$X %*% b + m$o))
  psi <- cbind(m$X * modified(m$b, m), m$w * (m$y - risk))
  m$scores <- (psi %*% t(solve(A)))[, c(p + 1, 2:p), drop = FALSE]
  m$firth <- m$b; m$b <- b; m$V <- solve(info(b, m)); m
}
# an event and a non-event of half the leverage for every row, with a covariate of their own
flac <- function(m) {
  h <- leverage(m$b, m); n <- nrow(m$X)
  X <- cbind(rbind(m$X, m$X, m$X), made = rep(0:1, c(n, 2 * n)))
  frame <- data.frame(y = c(m$y, rep(1, n), rep(0, n)), w = c(m$w, h / 2, h / 2), o = rep(m$o, 3))
  fit <- suppressWarnings(glm(y ~ 0 + X, binomial, frame, weights = w, offset = o,
                              control = control))
  p <- ncol(m$X)
  m$augmented <- list(X = X, y = frame$y, w = frame$w, o = frame$o, b = coef(fit), fit = fit)
  psi <- estfun(fit) %*% solve(crossprod(X, X * weights(fit, "working")))
  m$scores <- rowsum(psi, rep(seq_len(n), 3))[, 1:p]
  m$firth <- m$b; m$b <- setNames(coef(fit)[1:p], colnames(m$X)); m$V <- vcov(fit)[1:p, 1:p]; m
}
ll <- function(b, m) { eta <- drop(m$X %*% b + m$o)
  sum(m$w * (m$y * eta - log1p(exp(eta)))) }
working <- function(b, m) { p <- plogis(drop(m$X %*% b + m$o)); m$w * p * (1 - p) }
info <- function(b, m) crossprod(m$X, m$X * working(b, m))
leverage <- function(b, m) { W <- working(b, m)
  rowSums((m$X %*% solve(info(b, m))) * m$X) * W }
modified <- function(b, m) { p <- plogis(drop(m$X %*% b + m$o))
  m$w * (m$y - p) + leverage(b, m) * (0.5 - p) }
penalised <- function(b, m) ll(b, m) + 0.5 * as.numeric(determinant(info(b, m))$modulus)
objective <- function(k) if (is.null(k$penalty)) ll else penalised
gradient <- function(b, m, k) {
  p <- plogis(drop(m$X %*% b + m$o))
  r <- if (is.null(k$penalty)) m$w * (m$y - p) else modified(b, m)
  drop(crossprod(m$X, r))
}
# maximum with some coefficients held; Newton steps, halved
constrained <- function(b, free, m, k) {
  f <- objective(k)
  if (!any(free)) return(b)
  for (i in 1:500) {
    g <- gradient(b, m, k)[free]
    step <- solve(info(b, m)[free, free, drop = FALSE], g)
    if (sum(g * step) < 1e-24) break
    now <- f(b, m); s <- 1
    repeat { trial <- b; trial[free] <- b[free] + s * step
      if (f(trial, m) >= now - 1e-12 || s < 1e-8) break
      s <- s / 2 }
    b <- trial
  }
  b
}
profile_case <- function(k, m) {
  if (identical(k$penalty, "flac")) {
    m <- m$augmented; k$penalty <- NULL
    found <- profile_case(k, m); p <- length(m$b) - 1
    return(lapply(found, function(x) x[1:p]))
  }
  if (identical(k$penalty, "flic")) {  # Firth's for the slopes, Wald for the intercept
    b <- m$b; se <- sqrt(m$V[1, 1]); q <- qnorm(0.5 + k$level / 2)
    m$b <- m$firth; k$penalty <- "firth"
    found <- profile_case(k, m)
    found$low[1] <- b[1] - q * se; found$high[1] <- b[1] + q * se
    found$p[1] <- 2 * pnorm(-abs(b[1] / se))
    return(found)
  }
  f <- objective(k); b <- m$b
  b <- constrained(b, rep(TRUE, length(b)), m, k)
  top <- f(b, m); target <- top - qchisq(k$level, 1) / 2
  V <- solve(info(b, m)); se <- sqrt(diag(V))
  limit <- function(j, side) {
    gap <- function(d) { x <- b + side * d * V[, j] / se[j]
      free <- seq_along(b) != j
      x <- constrained(x, free, m, k); f(x, m) - target }
    far <- 2; while (gap(far) > 0) far <- far * 1.5
    b[j] + side * uniroot(gap, c(0, far), tol = 1e-13, maxiter = 1000)$root * se[j]
  }
  p <- sapply(seq_along(b), function(j) { x <- b - b[j] * V[, j] / V[j, j]; x[j] <- 0
    x <- constrained(x, seq_along(b) != j, m, k)
    pchisq(2 * (top - f(x, m)), 1, lower.tail = FALSE) })
  list(low = sapply(seq_along(b), limit, -1), high = sapply(seq_along(b), limit, 1), p = p)
}
# what each row adds to the estimate
influences <- function(m)
  if (is.null(m$scores)) (m$X * modified(coef(m$fit), m)) %*% m$V else m$scores
covariance <- function(k, m) {
  fit <- m$fit; n <- nrow(m$X); p <- ncol(m$X)
  if (is.null(k$cluster)) {
    V <- if (is.null(k$vcov)) m$V
    else if (is.null(k$penalty)) vcovHC(fit, type = k$vcov)
    else crossprod(influences(m)) * n / (n - p)
    return(list(V = V, df = rep(Inf, p)))
  }
  type <- if (is.null(k$vcov)) "CR1" else k$vcov
  groups <- m$data[k$cluster]
  G <- min(sapply(groups, function(g) length(unique(g))))
  df <- rep(G - 1, p)
  if (type == "CR2") {
    V <- vcovCR(fit, cluster = groups[[1]], type = "CR2")
    df <- coef_test(fit, vcov = V, test = "Satterthwaite")$df_Satt
    if (is.null(df)) df <- coef_test(fit, vcov = V, test = "Satterthwaite")$df
  } else if (!is.null(k$penalty)) {
    V <- crossprod(rowsum(influences(m), groups[[1]])) * (if (type == "CR1") G / (G - 1) else 1)
  } else {
    V <- vcovCL(fit, cluster = groups, type = "HC0", cadjust = type == "CR1")
  }
  list(V = as.matrix(V), df = df)
}

case_rows <- function(k) {
  m <- setup(k); b <- m$b; v <- covariance(k, m)
  se <- sqrt(diag(v$V))
  q <- qt(0.5 + k$level / 2, v$df)
  # likelihoods at the script's own maximum: brglm2 stops at 1e-9 standard errors of it, which
  # shows in the eleventh digit
  corrected <- !is.null(k$penalty) && k$penalty != "firth"
  top <- if (corrected) b else constrained(b, rep(TRUE, length(b)), m, k)
  out <- data.frame(case = k$id, position = seq_along(b) - 1, r_name = names(b), estimate = b,
    std_error = se, df = v$df, p_value = 2 * pt(-abs(b / se), v$df),
    conf_low = b - q * se, conf_high = b + q * se, log_likelihood = ll(top, m),
    penalised = if (is.null(k$penalty)) NA else penalised(top, m), n = nrow(m$X))
  if (k$intervals == "profile") {
    pr <- profile_case(k, m)
    out$conf_low <- pr$low; out$conf_high <- pr$high; out$p_value <- pr$p
  }
  cat(k$id, "\n"); out
}

# Wald and likelihood-ratio tests of several coefficients; positions count from 1
together <- function(id, k, terms, positions) {
  m <- setup(k); b <- m$b; v <- covariance(k, m)
  q <- length(positions); finite <- is.finite(v$df[1])
  wald <- drop(b[positions] %*% solve(v$V[positions, positions], b[positions]))
  out <- data.frame(test = id, case = k$id, terms = terms, q = q,
    wald = if (finite) wald / q else wald, df_residual = v$df[1],
    wald_p = if (finite) pf(wald / q, q, v$df[1], lower.tail = FALSE)
             else pchisq(wald, q, lower.tail = FALSE), ratio = NA, ratio_p = NA)
  if (identical(k$vcov, "CR2")) {  # Hotelling's T squared
    test <- Wald_test(m$fit, constrain_zero(positions), vcov = "CR2",
                      cluster = m$data[[k$cluster]], test = "HTZ")
    out$wald <- test$Fstat; out$df_residual <- test$df_denom; out$wald_p <- test$p_val
  }
  if (!is.null(k$vcov) || !is.null(k$cluster)) return(out)
  if (identical(k$penalty, "flac")) { m <- m$augmented; b <- m$b; k$penalty <- NULL }
  f <- objective(k); top <- constrained(b, rep(TRUE, length(b)), m, k)
  null <- top; null[positions] <- 0
  null <- constrained(null, !(seq_along(b) %in% positions), m, k)
  out$ratio <- 2 * (f(top, m) - f(null, m))
  out$ratio_p <- pchisq(out$ratio, q, lower.tail = FALSE); out
}
