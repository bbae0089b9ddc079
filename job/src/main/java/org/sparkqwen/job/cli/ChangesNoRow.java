package org.sparkqwen.job.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Marks an option that changes no row, but when, where, how fast, or into which files rows are written. A run can be
/// continued with another value of it.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
@interface ChangesNoRow {}
