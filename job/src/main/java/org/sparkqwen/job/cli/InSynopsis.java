package org.sparkqwen.job.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Marks an option that the first line of `--help` shows as an example of several, one of which is required.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
@interface InSynopsis {}
