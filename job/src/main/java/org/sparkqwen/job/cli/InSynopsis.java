package org.sparkqwen.job.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Marks the option that stands for several in the first line of `--help`, because one of them is required.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
@interface InSynopsis {}
