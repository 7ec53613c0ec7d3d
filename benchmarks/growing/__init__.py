"""What is measured along a growing number, one module a subject: users, connections, roles.

steps   how far each grows, one measurement, and what a subject hands to the command
"""
