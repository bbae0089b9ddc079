package org.sparkqwen.job.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Marks an option whose value names a local file, whose contents are therefore part of the run's identity. A value
/// that begins with a brace is the contents themselves.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
@interface NamesFile {}
