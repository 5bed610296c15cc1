"""Metrics, calibration and everything else that is measured."""
