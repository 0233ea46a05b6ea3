"""The judge: adversaries that attack censored images, classifiers, metrics and the optimum."""
